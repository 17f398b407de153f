// The header of the PROXY protocol, both versions, in every cut, and what is none; section numbers are its own.
import * as assert from 'uvu/assert';
import { HttpError } from '../../src/errors.js';
import { parseProxyHeader } from '../../src/server/proxy-protocol.js';
import { suite } from '../runner/suite.js';
import { assertEveryCut, hex } from '../support/codec/cuts.js';

const test = suite('proxy-protocol');

type Outcome = readonly [address: string | null, byteLength: number] | string | null;

/** What a reader that keeps all chunks comes to, and with how many bytes. */
function parse(chunks: Iterable<Buffer>): Outcome {
  let received = Buffer.alloc(0);
  for (const chunk of chunks) {
    received = Buffer.concat([received, chunk]);
    try {
      const header = parseProxyHeader(received);
      if (header !== null) return [header.address, header.byteLength];
    } catch (error) {
      assert.instance(error, HttpError);
      const { code, status, message } = error as HttpError;
      assert.match(message, /^no valid PROXY protocol header: [ -~]+; let the proxy send /);
      return `${code} ${status}`;
    }
  }
  return null;
}

const SIGNATURE = '0d0a0d0a000d0a515549540a';
const INVALID = 'PROXY_HEADER_INVALID 400';
const IPV4 = 'cb007107 c0000201 dc04 01bb';
const IPV6 = '20010db8000000000000000000000007 20010db8000000000000000000000001 dc04 01bb';
const MAPPED = '00000000000000000000ffffcb007107 20010db8000000000000000000000001 dc04 01bb';
const UNIX = '2f'.repeat(216);

const lines: readonly [line: string, outcome: Outcome][] = [
  // §2.1: the longest lines of each kind
  ['PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n', ['255.255.255.255', 56]],
  ['PROXY TCP6 ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n', INVALID],
  ['PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n',
    ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 104]],
  ['PROXY UNKNOWN\r\n', [null, 15]],
  ['PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n', [null, 59]],
  [`PROXY UNKNOWN ${'x'.repeat(91)}\r\n`, [null, 107]],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 0 0\r\n', ['192.0.2.1', 36]],
  ['PROXY TCP6 ::1 ::1 1 1\r\n', ['::1', 24]],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n', INVALID],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 01 1\r\n', INVALID],
  ['PROXY TCP4 192.0.2.1 192.0.2.256 1 1\r\n', INVALID],
  ['PROXY TCP4 192.0.2.256 192.0.2.2 1 1\r\n', INVALID],
  ['PROXY TCP4 ::1 ::1 1 1\r\n', INVALID],
  ['PROXY TCP6 192.0.2.1 192.0.2.2 1 1\r\n', INVALID],
  ['PROXY TCP4  192.0.2.1 192.0.2.2 1 1\r\n', INVALID],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n', INVALID],
  ['PROXY TCP4 192.0.2.1 192.0.2.2 1 1 \r\n', INVALID],
  ['PROXY UDP4 192.0.2.1 192.0.2.2 1 1\r\n', INVALID],
  ['PROXY\r\n', INVALID],
  ['PROXY \r\n', INVALID],
  ['PROXY UNKNOWNx\r\n', INVALID],
  ['PROXY UNKNOWN\n\r\n', INVALID],
  ['proxy UNKNOWN\r\n', INVALID],
  ['GET / HTTP/1.1\r\n', INVALID],
  ['POST / HTTP/1.1\r\n', INVALID],
  ['\r\nPROXY UNKNOWN\r\n', INVALID],
];

for (const [line, outcome] of lines) {
  test(`version 1: ${JSON.stringify(line)}`, () => {
    assertEveryCut(Buffer.from(line, 'latin1'), parse, outcome, { trailing: Buffer.from('PROXY\r\n') });
  });
}

test('version 1: a line over 107 bytes', () => {
  const text = `PROXY UNKNOWN ${'x'.repeat(93)}`;
  assert.is(text.length, 107);
  assert.is(parse([Buffer.from(text)]), INVALID);
  assert.is(parse([Buffer.from(text.slice(0, -1))]), null);
  assert.is(parse([Buffer.from(`${text.slice(0, -1)}\r\n`)]), INVALID);
});

const binary: readonly [name: string, digits: string, outcome: Outcome][] = [
  ['LOCAL', '20 00 0000', [null, 16]],
  ['LOCAL with addresses, which are skipped', `20 11 000c ${IPV4}`, [null, 28]],
  ['LOCAL of an unknown family', '20 f7 0001 00', [null, 17]],
  ['LOCAL with 4096 bytes', `20 00 1000 ${'00'.repeat(4096)}`, [null, 4112]],
  ['LOCAL with 4097 bytes', '20 00 1001', INVALID],
  ['IPv4', `21 11 000c ${IPV4}`, ['203.0.113.7', 28]],
  ['IPv4 with TLVs', `21 11 0013 ${IPV4} 04 0004 00000000`, ['203.0.113.7', 35]],
  ['IPv4 that is too short', '21 11 000b', INVALID],
  ['IPv6', `21 21 0024 ${IPV6}`, ['2001:db8::7', 52]],
  ['IPv4 as IPv6', `21 21 0024 ${MAPPED}`, ['203.0.113.7', 52]],
  ['IPv6 that is too short', '21 21 0023', INVALID],
  ['a Unix socket', `21 31 00d8 ${UNIX}`, ['', 232]],
  ['a Unix socket that is too short', '21 31 00d7', INVALID],
  ['unspecified', '21 00 0000', [null, 16]],
  ['unspecified with TLVs', '21 00 0003 04 0000', [null, 19]],
  ['datagrams of IPv4', `21 12 000c ${IPV4}`, INVALID],
  ['datagrams of IPv6', `21 22 0024`, INVALID],
  ['an unknown family', '21 41 0000', INVALID],
  ['an unknown command', '22 11 000c', INVALID],
  ['version 1 in binary', '11 11 000c', INVALID],
  ['version 3', '31 11 000c', INVALID],
];
for (const [name, digits, outcome] of binary) {
  test(`version 2: ${name}`, () => {
    const bytes = hex(SIGNATURE + digits);
    if (bytes.length < 300) assertEveryCut(bytes, parse, outcome, { trailing: Buffer.from('GET') });
    else assert.equal([parse([bytes]), parse([bytes.subarray(0, -1)])], [outcome, null]);
  });
}

test('nothing is no header yet, and a wrong byte is refused as soon as it comes', () => {
  assert.is(parse([Buffer.alloc(0)]), null);
  for (const start of [Buffer.from('PROXY '), hex(SIGNATURE)]) {
    for (let length = 0; length < start.length; length++) {
      assert.is(parse([start.subarray(0, length)]), null);
      assert.is(parse([start.subarray(0, length), Buffer.of(0xff)]), INVALID);
    }
  }
});

test.run();
