// Heads of HTTP messages put together from what peers send and what attackers do, line by line.
import type { Random } from '../frame/random.js';
import { mutate } from './mutate.js';

/** The key of RFC 6455 §1.3 and its answer. */
export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
export const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

const UPGRADE = [
  'Host: example.com', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Key: ${KEY}`,
  'Sec-WebSocket-Version: 13',
];

function lines(...text: string[]): Buffer {
  return Buffer.from([...text, '\r\n'].join('\r\n'), 'latin1');
}

/** Whole requests, made by hand. */
export const requestCorpus: readonly Buffer[] = [
  lines('GET / HTTP/1.1', 'Host: a'),
  lines('GET /chat?room=1 HTTP/1.1', ...UPGRADE),
  lines('GET /chat HTTP/1.1', ...UPGRADE, 'Origin: http://example.com', 'Sec-WebSocket-Protocol: chat, superchat'),
  lines('GET /chat HTTP/1.1', ...UPGRADE, 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits'),
  lines('GET http://example.com:80?x HTTP/1.1', 'Host: other'),
  lines('OPTIONS * HTTP/1.1', 'Host: [::1]:8000'),
  lines('GET / HTTP/1.0'),
  lines('', '', 'GET / HTTP/1.1', 'Host: after empty lines'.replaceAll(' ', '-')),
  Buffer.concat([lines('POST / HTTP/1.1', 'Host: a', 'Content-Length: 3'), Buffer.from('abc')]),
  Buffer.concat([
    lines('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked'), Buffer.from('1\r\na\r\n0\r\n\r\n'),
  ]),
  lines('GET / HTTP/1.1', 'Host: a', 'Content-Length: 3', 'Transfer-Encoding: chunked'),
  lines('GET / HTTP/1.1', 'Host: a', ' folded: line'),
  lines('GET / HTTP/1.1', 'Host : a'),
  Buffer.from('GET / HTTP/1.1\nHost: a\n\n'),
  Buffer.from('GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n'),
  Buffer.from('160301020001000001fc0303', 'hex'),
  lines('PRI * HTTP/2.0', '', 'SM'),
  Buffer.concat([lines('POST / HTTP/1.2', 'Host: a', 'Transfer-Encoding: gzip, chunked'), Buffer.from('0\r\n\r\n')]),
  lines('PROXY TCP4 192.0.2.1 192.0.2.2 56324 80', 'GET / HTTP/1.1', 'Host: a'),
  Buffer.from('0d0a0d0a000d0a515549540a2111000c', 'hex'),
  Buffer.from(`GET /${'a'.repeat(16_500)} HTTP/1.1\r\n`),
  lines('GET / HTTP/1.1', 'Host: a', ...Array.from({ length: 130 }, (_, n) => `X-${n}: ${n}`)),
];

export const responseCorpus: readonly Buffer[] = [
  lines('HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${ACCEPT}`),
  lines('HTTP/1.1 101', 'Upgrade: WebSocket', 'Connection: keep-alive, upgrade', `Sec-WebSocket-Accept: ${ACCEPT}`,
    'Sec-WebSocket-Protocol: chat'),
  lines('HTTP/1.1 100 Continue', '', 'HTTP/1.1 404 Not Found', 'Content-Length: 0'),
  lines('HTTP/1.0 200 OK', 'Connection: close'),
  lines('HTTP/1.1 302 Found', 'Location: /elsewhere', 'Transfer-Encoding: chunked'),
  lines('HTTP/1.1 200 ', 'Content-Length: 1', 'Content-Length: 1'),
  lines('', 'HTTP/1.1 200 OK'),
  Buffer.from('HTTP/1.1 200 OK\n\n'),
  Buffer.from('220 mail.example.com ESMTP\r\n'),
];

const METHODS = ['GET', 'POST', 'HEAD', 'OPTIONS', 'PUT', 'CONNECT', 'get', 'G@T', 'A'.repeat(33), ''];
const TARGETS = [
  '/', '/chat', '/chat?a=b&c', '/%e4%bd%a0', '/%', '*', 'http://a/', 'HTTPS://a:1?q', 'ws://a/', 'http://a@b/', '//',
  '/?',
  '/#a', '/a|b', 'http://', 'http://[::1]/', 'a', '',
];
const VERSIONS = ['HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/1.2', 'http/1.1', 'HTTP/1.1 ', ''];
const STATUS_LINES = [
  'HTTP/1.1 101 Switching Protocols', 'HTTP/1.1 101 ', 'HTTP/1.1 101', 'HTTP/1.1 200 OK', 'HTTP/1.0 404 Not Found',
  'HTTP/1.2 200 OK',
  'HTTP/1.1 100 Continue', 'HTTP/1.1 600 X', 'HTTP/1.1 1010 X', 'HTTP/2 200', 'HTTP/1.1  200 OK', 'HTTP/1.1 503 \u00e9',
];

/** Values by name, of which the first is right. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  'Host': ['example.com', 'a:80', '[::1]:1', '', 'a b', 'a:b', '[', 'a,b', 'user@a'],
  'Upgrade': ['websocket', 'WebSocket', 'h2c, websocket', 'h2c', ''],
  'Connection': ['Upgrade', 'keep-alive, Upgrade', 'close', 'Up grade', ',,upgrade,'],
  'Sec-WebSocket-Key': [KEY, 'AAAAAAAAAAAAAAAAAAAAAA==', 'short==', '', `${KEY},${KEY}`, KEY.replace('=', '-')],
  'Sec-WebSocket-Version': ['13', '8', '', '13, 8', '013'],
  'Sec-WebSocket-Accept': [ACCEPT, '', ACCEPT.toLowerCase(), KEY],
  'Sec-WebSocket-Protocol': ['chat', 'chat, superchat', 'chat, chat', 'a b', ',', ''],
  'Sec-WebSocket-Extensions': [
    'permessage-deflate', 'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    'permessage-deflate; server_max_window_bits=9; client_max_window_bits=9', 'permessage-deflate; x',
    'a; b=c, d; e="f"', 'a;', '"a"', '',
  ],
  'Origin': ['http://example.com', 'https://example.com:443', 'null', 'http://evil.example', ''],
  'Content-Length': ['0', '3', '-1', '1e3', '9007199254740993', '0x10', '3, 3', ''],
  'Transfer-Encoding': ['chunked', 'Chunked', 'gzip, chunked', 'chunked, chunked', 'chunked, gzip', 'identity', ''],
  'Expect': ['100-continue', 'x'],
  'Location': ['/', 'http://example.com/'],
  'X-Long': ['x'.repeat(300), '\u00e9\u00ff\t"', ''],
  '__proto__': ['constructor'],
};
const NAMES = Object.keys(FIELDS);

const SEPARATORS = [': ', ':', ':\t ', ' : ', '', '::', ':\0'];
const LINE_ENDINGS = ['\r\n', '\n', '\r', '\r\n ', '\r\r\n', '\r\n\r\n', ''];

/** What is inserted into any bytes of HTTP. */
export const httpDictionary: readonly Buffer[] = [
  '\r\n', '\r\n\r\n', '\n', '\r', '\0', ' ', '\t', ':', ',', ';', '"', '\\', '%', '#', '?', '\u007f', '\u00a0',
  '\u0085', '\u00ff',
  'HTTP/1.1', 'Host: b\r\n', 'Content-Length: 1\r\n', 'Transfer-Encoding: chunked\r\n', ' folded\r\n', 'chunked', '0',
  '1', 'f', 'ffffffffffff', '0\r\n\r\n', '5;a="b"\r\n', 'websocket', 'Upgrade', KEY, ACCEPT,
].map((text) => Buffer.from(text, 'latin1'));

/** Mostly the first, which is right. */
function choose<Item>(items: readonly Item[], random: Random): Item {
  return random.chance(0.85) ? items[0]! : random.pick(items);
}

function fields(random: Random, usual: readonly string[]): string {
  let text = '';
  const names = usual.filter(() => random.chance(0.97));
  if (usual.length > 1 && random.chance(0.4)) names.push('Sec-WebSocket-Extensions');
  while (random.chance(0.4)) names.splice(random.integer(0, names.length), 0, random.pick(NAMES));
  for (const name of names) {
    const spelled = random.chance(0.9) ? name : name.toUpperCase();
    const separator = random.chance(0.98) ? ': ' : random.pick(SEPARATORS);
    text += `${spelled}${separator}${choose(FIELDS[name]!, random)}${lineEnding(random)}`;
  }
  return text;
}

function lineEnding(random: Random): string {
  return random.chance(0.99) ? '\r\n' : random.pick(LINE_ENDINGS);
}

const UPGRADE_NAMES = ['Host', 'Upgrade', 'Connection', 'Sec-WebSocket-Key', 'Sec-WebSocket-Version'];
const ANSWER_NAMES = ['Upgrade', 'Connection', 'Sec-WebSocket-Accept'];

/** One request head; half of them ask for a WebSocket. */
export function generateRequestHead(random: Random, targets: readonly string[] = TARGETS): string {
  const method = choose(METHODS, random);
  const target = random.chance(0.5) ? targets[0]! : random.pick(targets);
  const line = `${method} ${target} ${choose(VERSIONS, random)}${lineEnding(random)}`;
  return `${line}${fields(random, random.chance(0.5) ? UPGRADE_NAMES : ['Host'])}\r\n`;
}

export function generateResponseHead(random: Random): string {
  const names = random.chance(0.7) ? ANSWER_NAMES : [];
  return `${choose(STATUS_LINES, random)}${lineEnding(random)}${fields(random, names)}\r\n`;
}

/** Some heads one behind the other, often damaged. */
export function generateHeads(random: Random, one: (random: Random) => string, corpus: readonly Buffer[]): Buffer {
  let bytes: Buffer;
  if (random.chance(0.1)) {
    bytes = random.pick(corpus);
  } else {
    let text = one(random);
    while (random.chance(0.2)) text += one(random);
    bytes = Buffer.from(text, 'latin1');
  }
  return mutate(bytes, random, httpDictionary);
}
