// Fuzzes the head of an extended CONNECT (RFC 8441 §4), as whoever has parsed it hands it over.
//
// An input is names and values in turn, with NUL between them. The invariant: for any names and values,
// - a head or a documented HttpError comes out, and nothing else is thrown, here and in the checks after it;
// - of a head, path and host have the grammar of these, and all fields but the pseudo-header fields are there, in
//   order, the lines of Cookie joined at the end (RFC 9113 §8.2.3);
// - no request on HTTP/2 needs a key, whatever it has of the fields of HTTP/1.1.
import { checkOrigin, isUpgrade, validateUpgrade } from '../../src/handshake/server.js';
import { toExtendedConnectHead, type RequestHead } from '../../src/http/request-head.js';
import type { Random } from '../frame/random.js';
import { connectErrors, describeError, upgradeErrorsOfHttp2 } from './documented.js';
import { KEY } from './heads.js';
import { mutate } from './mutate.js';
import { assertHolds, assertSame, type Target } from './target.js';

type Line = readonly [name: string, value: string];

const SEPARATOR = '\0';

function toInput(lines: readonly Line[]): Buffer {
  return Buffer.from(lines.flat().join(SEPARATOR), 'latin1');
}

function toLines(input: Buffer): Line[] {
  const parts = input.toString('latin1').split(SEPARATOR);
  const lines: Line[] = [];
  for (let index = 0; index + 1 < parts.length; index += 2) lines.push([parts[index]!, parts[index + 1]!]);
  return lines;
}

const OPENING: readonly Line[] = [
  [':method', 'CONNECT'], [':protocol', 'websocket'], [':scheme', 'https'], [':path', '/chat?room=1'],
  [':authority', 'example.com:443'], ['sec-websocket-version', '13'],
];

/** Values by name; those of the pseudo-header fields come before all others. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  ':protocol': ['websocket', 'WebSocket', 'connect-udp', 'websocket, a', ''],
  ':path': ['/', '/chat?a=b?c', '/#a', '/a b', '/\u00e9', '*', 'a', 'https://a/', '//', '/%'],
  ':authority': ['a', '[::1]:1', '', 'a b', 'a:b', 'user@a', 'a:', '['],
  ':status': ['200'],
  'host': ['example.com', 'other', '', 'a b'],
  'cookie': ['a=b', 'c=d; e=f', '', ' g '],
  'origin': ['https://example.com', 'null', 'https://other.example', ''],
  'sec-websocket-version': ['13', '8', '13, 8', ''],
  'sec-websocket-key': [KEY, 'short'],
  'sec-websocket-protocol': ['chat', 'a, b, a', ',', 'a b'],
  'sec-websocket-extensions': ['permessage-deflate', 'a;;', 'a; b="c', ''],
  'upgrade': ['websocket', 'h2c'],
  'connection': ['Upgrade', ',,'],
  'content-length': ['0', '5', '-1', ''],
  'transfer-encoding': ['chunked', 'gzip', ''],
  '__proto__': ['constructor'],
  'Not-Lower': ['\ttext\t', 'two\r\nlines'],
  '': [''],
  ' folded': ['line'],
};
const NAMES = Object.keys(VALUES);

const corpus = [
  [],
  OPENING,
  [...OPENING, ['cookie', 'a=b'], ['origin', 'https://example.com'], ['cookie', 'c=d']],
  [...OPENING, ['sec-websocket-protocol', 'chat, mail'], ['sec-websocket-extensions', 'permessage-deflate']],
  ...OPENING.map((_, missing) => OPENING.filter((_, index) => index !== missing)),
].map((lines) => toInput(lines as readonly Line[]));

const dictionary = [SEPARATOR, ...NAMES, ...Object.values(VALUES).flat(), '\r\n', ':', '\u00ff'].map((text) => {
  return Buffer.from(text, 'latin1');
});

function generate(random: Random): Buffer {
  const lines = OPENING.filter(() => random.chance(0.98));
  while (random.chance(0.6)) {
    const name = random.pick(NAMES);
    lines.splice(random.integer(0, lines.length), 0, [name, random.pick(VALUES[name]!)]);
  }
  return mutate(toInput(lines), random, dictionary);
}

function checkHead(head: RequestHead, lines: readonly Line[]): void {
  const { method, path, query, target, host, httpVersion, protocol } = head;
  assertHolds('a path', /^\/[!-~]*$/.test(path) && !/[?#]/.test(path), () => path);
  assertHolds('a target', target === path || target === `${path}?${query}`, () => target);
  assertHolds('a host', /^[!-~]+$/.test(host!), () => String(host));
  assertSame('what it is', `${method} ${httpVersion}`, 'CONNECT 2.0');
  assertSame('the protocol', String(protocol), lines.findLast(([name]) => name === ':protocol')![1]);
  const fields = lines.filter(([name]) => !name.startsWith(':') && name !== 'cookie');
  const cookies = lines.filter(([name]) => name === 'cookie').map(([, value]) => value);
  const expected = cookies.length === 0 ? fields : [...fields, ['cookie', cookies.join('; ')] as const];
  const trimmed = expected.map(([name, value]) => [name.toLowerCase(), value.replace(/^[\t ]+|[\t ]+$/g, '')]);
  assertSame('its fields', JSON.stringify([...head.headers]), JSON.stringify(trimmed));
}

/** What the server does with it. */
function checkHandshake(head: RequestHead): void {
  isUpgrade(head);
  try {
    assertSame('no key', validateUpgrade(head).key, '');
    checkOrigin(head, []);
  } catch (error) {
    describeError(error, upgradeErrorsOfHttp2);
  }
}

export const extendedConnect: Target = {
  name: 'extended-connect',
  concurrency: 256,
  obstacle: null,
  corpus,
  generate,
  check(input) {
    const lines = toLines(input);
    let head: RequestHead;
    try {
      head = toExtendedConnectHead(lines);
    } catch (error) {
      return void describeError(error, connectErrors);
    }
    checkHead(head, lines);
    checkHandshake(head);
  },
};
