// Fuzzes the header of the PROXY protocol, versions 1 and 2.
//
// The invariant: for any bytes, in any pieces,
// - a header comes out, or PROXY_HEADER_INVALID is thrown, or more bytes are needed, and never beyond the longest;
// - it is the same however the bytes are cut, and whatever follows;
// - its address is an IP address, empty, or none.
import { isIP } from 'node:net';
import { parseProxyHeader } from '../../src/server/proxy-protocol.js';
import type { Random } from '../frame/random.js';
import { describeError, proxyErrors } from './documented.js';
import { mutate } from './mutate.js';
import { lendCut, lendWhole } from './pieces.js';
import { assertHolds, assertSame, type Target } from './target.js';

const LONGEST = 16 + 4096;
const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';

/** A reader that keeps all that has come until it knows. */
class Reading {
  outcome = '';
  #received = Buffer.alloc(0);

  feed(piece: Buffer): boolean {
    this.#received = Buffer.concat([this.#received, piece]);
    try {
      const header = parseProxyHeader(this.#received);
      if (header === null) {
        assertHolds('no more than the longest', this.#received.length < LONGEST, () => `${this.#received.length}`);
        return true;
      }
      const { address, byteLength } = header;
      assertHolds('it has come', byteLength <= this.#received.length, () => `${byteLength}`);
      assertHolds('an address', address === null || address === '' || isIP(address) !== 0, () => String(address));
      this.outcome = `${address} ${byteLength}`;
    } catch (error) {
      this.outcome = describeError(error, proxyErrors);
    }
    return false;
  }
}

const binary = (rest: string): string => `${SIGNATURE}${rest}`;

const corpus = [
  '',
  'PROXY UNKNOWN\r\n',
  'PROXY UNKNOWN a b c\r\nGET',
  'PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nGET',
  'PROXY TCP6 2001:db8::1 ::1 56324 443\r\n',
  binary('\x20\0\0\0'),
  binary('\x21\0\0\x03\x04\0\0'),
  binary('\x21\x11\0\x0c\xcb\0\x71\x07\xc0\0\x02\x01\xdc\x04\x01\xbb'),
  binary(`\x21\x21\0\x28${'\x20\x01\x0d\xb8'.repeat(8)}\xdc\x04\x01\xbb\x04\0\x01\0GET`),
  binary(`\x21\x31\0\xd8${'/'.repeat(216)}`),
  binary(`\x20\0\x10\0${'\0'.repeat(4096)}`),
].map((text) => Buffer.from(text, 'latin1'));

const dictionary = [
  'PROXY ', 'TCP4', 'TCP6', 'UNKNOWN', ' ', '\r\n', '::', '192.0.2.1', '65536', SIGNATURE, '\x20', '\x21', '\x11',
].map((text) => Buffer.from(text, 'latin1'));

export const proxyProtocol: Target = {
  name: 'proxy-protocol',
  concurrency: 256,
  obstacle: null,
  corpus,
  generate: (random: Random) => mutate(random.pick(corpus), random, dictionary),
  check(input, random) {
    const whole = new Reading();
    const cut = new Reading();
    lendWhole(input, (piece) => whole.feed(piece));
    lendCut(input, random, (piece) => cut.feed(piece));
    assertSame('the same result however the bytes are cut', cut.outcome, whole.outcome);
  },
};
