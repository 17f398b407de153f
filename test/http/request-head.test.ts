// Request heads cut in every way, each rule of their grammar and each limit (RFC 9112).
import * as assert from 'uvu/assert';
import { HttpError } from '../../src/errors.js';
import type { HeadLimits } from '../../src/http/head.js';
import {
  RequestHeadParser, toExtendedConnectHead, toRequestHead, type RequestHead,
} from '../../src/http/request-head.js';
import { assertEveryCut } from '../support/codec/cuts.js';
import { suite } from '../runner/suite.js';
import { assertRefused, parseHead } from '../handshake/refusal.js';

const test = suite('http/request-head');

type Outcome = { code: string; status: number } | { head: Record<string, unknown> | null; rest: string };

/** Gives a parser chunk after chunk; the chunks behind the one that completes the head count as rest. */
function parseChunks(chunks: Iterable<Buffer>, limits?: HeadLimits): Outcome {
  const parser = new RequestHeadParser(limits);
  const rest: string[] = [];
  let head: RequestHead | null = null;
  try {
    for (const chunk of chunks) {
      if (head === null) head = parser.push(chunk);
      else rest.push(chunk.toString('latin1'));
      if (rest.length === 0) rest.push(parser.rest.toString('latin1'));
      if (head === null) assert.is(rest.pop(), '', 'no rest before the end of the head');
    }
  } catch (error) {
    if (error instanceof HttpError) return { code: error.code, status: error.status };
    throw error;
  }
  return { head: head && { ...head, headers: [...head.headers] }, rest: rest.join('') };
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

const CHROMIUM = [
  'GET /echo/?message=%20a HTTP/1.1',
  'Host: 127.0.0.1:8000',
  'Connection: Upgrade',
  'Pragma: no-cache',
  'Cache-Control: no-cache',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  'Upgrade: websocket',
  'Origin: http://127.0.0.1:8000',
  'Sec-WebSocket-Version: 13',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Accept-Language: en-US,en;q=0.9',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
  '\r\n',
].join('\r\n');

const PLAIN = {
  method: 'GET',
  target: '/',
  path: '/',
  query: '',
  httpVersion: '1.1',
  protocol: null,
  headers: [['host', 'a']],
  host: 'a',
  bodyLength: 0,
};

/** A head that is accepted, and in what it differs from `PLAIN`. */
const accepted: [name: string, head: string, difference: Partial<typeof PLAIN> | Record<string, unknown>][] = [
  ['§3: the smallest head', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', {}],
  ['a head of Chromium', CHROMIUM, {
    target: '/echo/?message=%20a',
    path: '/echo/',
    query: 'message=%20a',
    host: '127.0.0.1:8000',
    headers: [
      ['host', '127.0.0.1:8000'],
      ['connection', 'Upgrade'],
      ['pragma', 'no-cache'],
      ['cache-control', 'no-cache'],
      [
        'user-agent',
        'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
      ],
      ['upgrade', 'websocket'],
      ['origin', 'http://127.0.0.1:8000'],
      ['sec-websocket-version', '13'],
      ['accept-encoding', 'gzip, deflate, br, zstd'],
      ['accept-language', 'en-US,en;q=0.9'],
      ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ=='],
      ['sec-websocket-extensions', 'permessage-deflate; client_max_window_bits'],
    ],
  }],
  ['§2.2: an empty line before', '\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n', {}],
  ['§2.2: three empty lines before', '\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n', {}],
  ['HTTP/1.0 without Host', 'GET / HTTP/1.0\r\n\r\n', { httpVersion: '1.0', headers: [], host: null }],
  ['RFC 9110 §2.5: HTTP/1.2 as HTTP/1.1', 'GET / HTTP/1.2\r\nHost: a\r\n\r\n', {}],
  ['RFC 9110 §2.5: HTTP/1.9 as HTTP/1.1', 'GET / HTTP/1.9\r\nHost: a\r\n\r\n', {}],
  ['a method that is called PROXY', 'PROXY / HTTP/1.1\r\nHost: a\r\n\r\n', { method: 'PROXY' }],
  ['HTTP/1.0 with Host', 'GET / HTTP/1.0\r\nHost: a\r\n\r\n', { httpVersion: '1.0' }],
  ['§3.1: a method that nobody knows', "!#$%&'*+-.^_`|~aZ09 / HTTP/1.1\r\nHost: a\r\n\r\n", {
    method: "!#$%&'*+-.^_`|~aZ09",
  }],
  ['§3.1: a method in lower case', 'get / HTTP/1.1\r\nHost: a\r\n\r\n', { method: 'get' }],
  ['§3.1: a method of 32 letters', `${'M'.repeat(32)} / HTTP/1.1\r\nHost: a\r\n\r\n`, { method: 'M'.repeat(32) }],
  ['§3.2.1: origin form', 'GET /a/b?c=d&e HTTP/1.1\r\nHost: a\r\n\r\n', {
    target: '/a/b?c=d&e', path: '/a/b', query: 'c=d&e',
  }],
  ['§3.2.1: question marks in the query', 'GET /a??b?c HTTP/1.1\r\nHost: a\r\n\r\n', {
    target: '/a??b?c', path: '/a', query: '?b?c',
  }],
  ['§3.2.1: an empty query', 'GET /a? HTTP/1.1\r\nHost: a\r\n\r\n', { target: '/a?', path: '/a' }],
  ['§3.2.1: a path that begins like an authority', 'GET //evil.example/x HTTP/1.1\r\nHost: a\r\n\r\n', {
    target: '//evil.example/x', path: '//evil.example/x',
  }],
  ['§3.2.1: a URL in the query', 'GET /x?http://b/ HTTP/1.1\r\nHost: a\r\n\r\n', {
    target: '/x?http://b/', path: '/x', query: 'http://b/',
  }],
  ['percent signs as sent, valid or not', 'GET /%e4%bd%a0/%zz%?%ff% HTTP/1.1\r\nHost: a\r\n\r\n', {
    target: '/%e4%bd%a0/%zz%?%ff%', path: '/%e4%bd%a0/%zz%', query: '%ff%',
  }],
  ['what browsers leave unencoded', 'GET /[^|]?{`}\\"<> HTTP/1.1\r\nHost: a\r\n\r\n', {
    target: '/[^|]?{`}\\"<>', path: '/[^|]', query: '{`}\\"<>',
  }],
  ['§3.2.2: absolute form replaces Host', 'GET http://b:81/c?d HTTP/1.1\r\nHost: a\r\n\r\n', {
    target: 'http://b:81/c?d', path: '/c', query: 'd', host: 'b:81',
  }],
  ['§3.2.2: absolute form with an empty path', 'GET http://b HTTP/1.1\r\nHost: a\r\n\r\n', {
    target: 'http://b', host: 'b',
  }],
  ['§3.2.2: absolute form with a query only', 'GET http://b?c/d HTTP/1.1\r\nHost: a\r\n\r\n', {
    target: 'http://b?c/d', query: 'c/d', host: 'b',
  }],
  ['§3.2.2: absolute form in any letter case', 'GET HTTPS://B/C HTTP/1.1\r\nHost: a\r\n\r\n', {
    target: 'HTTPS://B/C', path: '/C', host: 'B',
  }],
  ['§3.2.2: absolute form in HTTP/1.0', 'GET http://b/ HTTP/1.0\r\n\r\n', {
    target: 'http://b/', httpVersion: '1.0', headers: [], host: 'b',
  }],
  ['§3.2.4: asterisk form', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', { method: 'OPTIONS', target: '*', path: '*' }],
  ['OPTIONS of a path', 'OPTIONS /* HTTP/1.1\r\nHost: a\r\n\r\n', { method: 'OPTIONS', target: '/*', path: '/*' }],
  ['§5.1: no whitespace around a value', 'GET / HTTP/1.1\r\nHost:a\r\n\r\n', {}],
  ['§5.1: much whitespace around a value', 'GET / HTTP/1.1\r\nHost: \t a\t \r\nX: \t b \tc \r\n\r\n', {
    headers: [['host', 'a'], ['x', 'b \tc']],
  }],
  ['§5: empty values', 'GET / HTTP/1.1\r\nHost: a\r\nX:\r\nY: \t\r\n\r\n', {
    headers: [['host', 'a'], ['x', ''], ['y', '']],
  }],
  ['§5: colons in a value', 'GET / HTTP/1.1\r\nHost: a\r\nX::b:\r\n\r\n', { headers: [['host', 'a'], ['x', ':b:']] }],
  ['§5.5: bytes beyond ASCII in a value', 'GET / HTTP/1.1\r\nHost: a\r\nX: \x80\xff\xa0\xe4\xbd\xa0\r\n\r\n', {
    headers: [['host', 'a'], ['x', '\x80\xff\xa0\xe4\xbd\xa0']],
  }],
  ['a cookie that is none', 'GET / HTTP/1.1\r\nHost: a\r\nCookie: =;;"%;\xff=%zz; __proto__=1\r\n\r\n', {
    headers: [['host', 'a'], ['cookie', '=;;"%;\xff=%zz; __proto__=1']],
  }],
  ['prototype names', 'GET / HTTP/1.1\r\n__proto__: 1\r\nHost: a\r\nconstructor: 2\r\n\r\n', {
    headers: [['__proto__', '1'], ['host', 'a'], ['constructor', '2']],
  }],
  ['repeated names', 'GET / HTTP/1.1\r\nX: 1\r\nHost: a\r\nx: 2\r\n\r\n', {
    headers: [['x', '1'], ['host', 'a'], ['x', '2']],
  }],
  ['RFC 9110 §7.2: a host with a port', 'GET / HTTP/1.1\r\nHost: Sub-1.Example_2.~:65535\r\n\r\n', {
    headers: [['host', 'Sub-1.Example_2.~:65535']], host: 'Sub-1.Example_2.~:65535',
  }],
  ['RFC 9110 §7.2: a host with an empty port', 'GET / HTTP/1.1\r\nHost: a:\r\n\r\n', {
    headers: [['host', 'a:']], host: 'a:',
  }],
  ['RFC 9110 §7.2: an IPv6 host', 'GET / HTTP/1.1\r\nHost: [::FFFF:1.2.3.4]\r\n\r\n', {
    headers: [['host', '[::FFFF:1.2.3.4]']], host: '[::FFFF:1.2.3.4]',
  }],
  ['RFC 9110 §7.2: an IPv6 host with a port', 'GET http://[::1]:80/ HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n', {
    target: 'http://[::1]:80/', headers: [['host', '[::1]:8000']], host: '[::1]:80',
  }],
  ['RFC 3986 §3.2.2: a registered name of all its characters', "GET / HTTP/1.1\r\nHost: %c3!$&'()*+,;=-._~\r\n\r\n", {
    headers: [['host', "%c3!$&'()*+,;=-._~"]], host: "%c3!$&'()*+,;=-._~",
  }],
  ['§6.3: a length of zero', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n', {
    method: 'POST', headers: [['host', 'a'], ['content-length', '0']],
  }],
  ['§6.3: a length with zeros before', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0012\r\n\r\n', {
    method: 'POST', headers: [['host', 'a'], ['content-length', '0012']], bodyLength: 12,
  }],
  ['§6.3: the largest length', 'GET / HTTP/1.0\r\nContent-Length: 9007199254740991\r\n\r\n', {
    httpVersion: '1.0', headers: [['content-length', '9007199254740991']], host: null, bodyLength: 9007199254740991,
  }],
  ['§7.1: a chunked body', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n', {
    method: 'POST', headers: [['host', 'a'], ['transfer-encoding', 'Chunked']], bodyLength: 'chunked',
  }],
];
// What may follow a head: frames of any bytes, another head, an empty line.
const FOLLOWERS = ['\x81\x05Hello\x00\xff\n\r', 'GET /next HTTP/1.1\r\nHost: b\r\n\r\n', '\r\n\r\n'];

for (const [name, head, difference] of accepted) {
  test(`accepts ${name}`, () => {
    const expected = { ...PLAIN, ...difference };
    assertEveryCut<Outcome>(latin1(head), parseChunks, { head: expected, rest: '' });
    for (const rest of FOLLOWERS) {
      assertEveryCut<Outcome>(latin1(head + rest), parseChunks, { head: expected, rest });
    }
  });
}

/** The rest of a head whose request line or header fields are at fault. */
const HOST = 'Host: a\r\n\r\n';

/** A head whose body framing is at fault, up to the fields that say so. */
const POST = 'POST / HTTP/1.1\r\nHost: a\r\n';

const BAD_HOSTS = [
  '', 'a b', 'a, b', 'a/b', 'a?b', 'a#b', 'a\\b', 'user@a', 'http://a', 'a:b', 'a:1:2', 'a:-1', 'a:8 0', ':', ':80',
  '::1', '[]', '[::1', '::1]', '[::1]]', '[::1]x', '[::1]80', '[::1]:x', '[a]b]', '[fe80::1%25eth0]', '[v1.a]', 'a[',
  '[x]', 'a"', 'a<', 'a>', 'a^', 'a`', 'a|', '{a}', 'caf\xe9', 'a\xa0',
];
const BAD_LENGTHS = [
  '', 'x', '-1', '+1', '1.0', '1e3', '0x10', '1 2', '1, 1', '1,1', '1;', '\xb2', '9007199254740992', '9'.repeat(400),
];
/** Chunked is not the final coding, or not named once. */
const BAD_CODINGS = [
  '', 'gzip', 'identity', 'xchunked', 'chunked, gzip', 'chunked, chunked', 'gzip, chunked, chunked', 'chunked;a',
  '"chunked"', 'chunked,', ', chunked', ',',
];
const UNKNOWN_CODINGS = ['gzip, chunked', 'gzip;level=9, deflate, Chunked'];

type Refused = [name: string, head: string, code: string, status: number];

const refused: Refused[] = [
  ['§2.2: a bare line feed behind the request line', `GET / HTTP/1.1\n${HOST}`, 'LINE_ENDING_INVALID', 400],
  ['§2.2: a bare line feed behind a field', 'GET / HTTP/1.1\r\nHost: a\n\r\n', 'LINE_ENDING_INVALID', 400],
  ['§2.2: a bare line feed at the end', 'GET / HTTP/1.1\r\nHost: a\r\n\n', 'LINE_ENDING_INVALID', 400],
  ['§2.2: a bare line feed at the beginning', `\nGET / HTTP/1.1\r\n${HOST}`, 'LINE_ENDING_INVALID', 400],
  ['§2.2: a bare carriage return in the request line', `GET /\r HTTP/1.1\r\n${HOST}`, 'LINE_ENDING_INVALID', 400],
  ['§2.2: a bare carriage return in a value', 'GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n', 'LINE_ENDING_INVALID', 400],
  ['§2.2: two carriage returns', `GET / HTTP/1.1\r\r\n${HOST}`, 'LINE_ENDING_INVALID', 400],
  ['§2.2: a carriage return at the beginning', `\rGET / HTTP/1.1\r\n${HOST}`, 'LINE_ENDING_INVALID', 400],
  ['§2.2: whitespace before the first field', `GET / HTTP/1.1\r\n X: b\r\n${HOST}`, 'FOLDING_OBSOLETE', 400],
  ['§5.2: a folded value', 'GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n', 'FOLDING_OBSOLETE', 400],
  ['§5.2: a value folded by a tab', 'GET / HTTP/1.1\r\nHost: a\r\n\tb: c\r\n\r\n', 'FOLDING_OBSOLETE', 400],
  ['§5.2: a line of spaces', 'GET / HTTP/1.1\r\nHost: a\r\n  \r\n\r\n', 'FOLDING_OBSOLETE', 400],
  ['a ClientHello of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'BYTE_INVALID', 400],
  ['a ClientHello of SSL 2', '\x80\x2e\x01\x00\x02', 'BYTE_INVALID', 400],
  ['a null byte in the target', `GET /\x00 HTTP/1.1\r\n${HOST}`, 'BYTE_INVALID', 400],
  ['§3: a tab in the request line', `GET\t/ HTTP/1.1\r\n${HOST}`, 'BYTE_INVALID', 400],
  ['§3.2: a target that is not percent-encoded', `GET /\xe4\xbd\xa0 HTTP/1.1\r\n${HOST}`, 'BYTE_INVALID', 400],
  ['§5.5: a null byte in a value', 'GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n', 'BYTE_INVALID', 400],
  ['§5.5: an escape in a value', 'GET / HTTP/1.1\r\nHost: a\r\nX: \x1b[31m\r\n\r\n', 'BYTE_INVALID', 400],
  ['§5.5: DEL in a value', 'GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n', 'BYTE_INVALID', 400],
  ['§3: one word', `GET\r\n${HOST}`, 'REQUEST_LINE_INVALID', 400],
  ['§3: a request line of HTTP/0.9', `GET /\r\n${HOST}`, 'REQUEST_LINE_INVALID', 400],
  ['§3: four words', `GET / HTTP/1.1 x\r\n${HOST}`, 'REQUEST_LINE_INVALID', 400],
  ['§3: two spaces before the target', `GET  / HTTP/1.1\r\n${HOST}`, 'REQUEST_LINE_INVALID', 400],
  ['§3: two spaces behind the target', `GET /  HTTP/1.1\r\n${HOST}`, 'REQUEST_LINE_INVALID', 400],
  ['§3: an empty target', `GET  HTTP/1.1\r\n${HOST}`, 'REQUEST_LINE_INVALID', 400],
  ['§3: a space at the end', `GET / HTTP/1.1 \r\n${HOST}`, 'REQUEST_LINE_INVALID', 400],
  ['§3: a space at the beginning', ` GET / HTTP/1.1\r\n${HOST}`, 'REQUEST_LINE_INVALID', 400],
  ['§3: spaces only', `${' '.repeat(100)}\r\n${HOST}`, 'REQUEST_LINE_INVALID', 400],
  ['§3.1: an empty method', ` / HTTP/1.1\r\n${HOST}`, 'METHOD_INVALID', 400],
  ['§3.1: a method that is no token', `G(T / HTTP/1.1\r\n${HOST}`, 'METHOD_INVALID', 400],
  ['§3.1: a quoted method', `"GET" / HTTP/1.1\r\n${HOST}`, 'METHOD_INVALID', 400],
  ['§3: a method of 33 letters', `${'M'.repeat(33)} / HTTP/1.1\r\n${HOST}`, 'METHOD_TOO_LONG', 501],
  ['§3.2: a fragment', `GET /#a HTTP/1.1\r\n${HOST}`, 'TARGET_INVALID', 400],
  ['§3.2: a relative path', `GET a/b HTTP/1.1\r\n${HOST}`, 'TARGET_INVALID', 400],
  ['§3.2: a query only', `GET ?a HTTP/1.1\r\n${HOST}`, 'TARGET_INVALID', 400],
  ['§3.2.2: another scheme', `GET ftp://a/ HTTP/1.1\r\n${HOST}`, 'TARGET_INVALID', 400],
  ['§3.2.2: a URL within another', `GET view:http://a/ HTTP/1.1\r\n${HOST}`, 'TARGET_INVALID', 400],
  ['RFC 6455 §4.1 item 3: the scheme ws', `GET ws://a/ HTTP/1.1\r\n${HOST}`, 'TARGET_INVALID', 400],
  ['§3.2.2: an empty authority', `GET http:///b HTTP/1.1\r\n${HOST}`, 'TARGET_INVALID', 400],
  ['§3.2.2: an authority of a port', `GET http://:80/ HTTP/1.1\r\n${HOST}`, 'TARGET_INVALID', 400],
  ['RFC 9110 §4.2.4: a user name', `GET http://user@a/ HTTP/1.1\r\n${HOST}`, 'TARGET_INVALID', 400],
  ['RFC 9110 §4.2.4: a password', `GET http://a:80@b/ HTTP/1.1\r\n${HOST}`, 'TARGET_INVALID', 400],
  ['§3.2.2: a backslash in the authority', `GET http://a\\b/ HTTP/1.1\r\n${HOST}`, 'TARGET_INVALID', 400],
  ['§3.2.3: authority form', `CONNECT a:80 HTTP/1.1\r\n${HOST}`, 'CONNECT_UNSUPPORTED', 501],
  ['§3.2.3: CONNECT to a path', `CONNECT / HTTP/1.1\r\n${HOST}`, 'CONNECT_UNSUPPORTED', 501],
  ['§3.2.3: authority form without CONNECT', `GET a:80 HTTP/1.1\r\n${HOST}`, 'TARGET_INVALID', 400],
  ['§3.2.4: asterisk form without OPTIONS', `GET * HTTP/1.1\r\n${HOST}`, 'TARGET_INVALID', 400],
  ['§3.2.4: more than an asterisk', `OPTIONS ** HTTP/1.1\r\n${HOST}`, 'TARGET_INVALID', 400],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'HTTP_VERSION_UNSUPPORTED', 505],
  ['HTTP/0.9 by name', `GET / HTTP/0.9\r\n${HOST}`, 'HTTP_VERSION_UNSUPPORTED', 505],
  ['HTTP/3.0', `GET / HTTP/3.0\r\n${HOST}`, 'HTTP_VERSION_UNSUPPORTED', 505],
  ['§2.3: http/1.1', `GET / http/1.1\r\n${HOST}`, 'HTTP_VERSION_INVALID', 400],
  ['§2.3: HTTP/1', `GET / HTTP/1\r\n${HOST}`, 'HTTP_VERSION_INVALID', 400],
  ['§2.3: HTTP/1.10', `GET / HTTP/1.10\r\n${HOST}`, 'HTTP_VERSION_INVALID', 400],
  ['§2.3: HTTP/11', `GET / HTTP/11\r\n${HOST}`, 'HTTP_VERSION_INVALID', 400],
  ['§2.3: xHTTP/2.0', `GET / xHTTP/2.0\r\n${HOST}`, 'HTTP_VERSION_INVALID', 400],
  ['§2.3: ICE/1.0', `SOURCE / ICE/1.0\r\n${HOST}`, 'HTTP_VERSION_INVALID', 400],
  ['§5.1: whitespace before the colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n', 'HEADER_INVALID', 400],
  ['§5.1: a tab before the colon', 'GET / HTTP/1.1\r\nHost\t: a\r\n\r\n', 'HEADER_INVALID', 400],
  ['§5: an empty name', `GET / HTTP/1.1\r\n: b\r\n${HOST}`, 'HEADER_INVALID', 400],
  ['§5: no colon', `GET / HTTP/1.1\r\nabc\r\n${HOST}`, 'HEADER_INVALID', 400],
  ['§5: no colon on the last line', 'GET / HTTP/1.1\r\nHost: a\r\nabc\r\n\r\n', 'HEADER_INVALID', 400],
  ['§5: two words for a name', `GET / HTTP/1.1\r\na b: c\r\n${HOST}`, 'HEADER_INVALID', 400],
  ['§5: a quoted name', `GET / HTTP/1.1\r\n"a": c\r\n${HOST}`, 'HEADER_INVALID', 400],
  ['§5: a name beyond ASCII', `GET / HTTP/1.1\r\n\xe9: c\r\n${HOST}`, 'HEADER_INVALID', 400],
  ['§3.2: no Host', 'GET / HTTP/1.1\r\nX: a\r\n\r\n', 'HOST_MISSING', 400],
  ['§3.2: no field at all', 'GET / HTTP/1.1\r\n\r\n', 'HOST_MISSING', 400],
  ['§3.2: no Host but absolute form', 'GET http://a/ HTTP/1.1\r\n\r\n', 'HOST_MISSING', 400],
  ['§3.2: two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 'HOST_DUPLICATE', 400],
  ['§3.2: the same Host twice', 'GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n', 'HOST_DUPLICATE', 400],
  ['§3.2: two Hosts in HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n', 'HOST_DUPLICATE', 400],
  ['§3.2: two Hosts in absolute form', 'GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 'HOST_DUPLICATE', 400],
  ['§3.2: a bad Host in absolute form', 'GET http://a/ HTTP/1.1\r\nHost: @\r\n\r\n', 'HOST_INVALID', 400],
  ['§3.2: a bad Host in HTTP/1.0', 'GET / HTTP/1.0\r\nHost: @\r\n\r\n', 'HOST_INVALID', 400],
  ...BAD_HOSTS.map((host): Refused => [
    `RFC 9110 §7.2: the Host "${host}"`, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 'HOST_INVALID', 400,
  ]),
  ...BAD_LENGTHS.map((length): Refused => [
    `§6.3: the Content-Length "${length.slice(0, 30)}"`, POST + `Content-Length: ${length}\r\n\r\n`,
    'CONTENT_LENGTH_INVALID', 400,
  ]),
  [
    '§6.3: two Content-Lengths', POST + 'Content-Length: 1\r\nContent-Length: 2\r\n\r\n',
    'CONTENT_LENGTH_DUPLICATE', 400,
  ],
  [
    '§6.3: the same Content-Length twice', POST + 'Content-Length: 1\r\nContent-Length: 1\r\n\r\n',
    'CONTENT_LENGTH_DUPLICATE', 400,
  ],
  [
    '§6.3: both framings', POST + 'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    'BODY_FRAMING_AMBIGUOUS', 400,
  ],
  [
    '§6.3: both framings, the other way round, of no length',
    POST + 'Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n', 'BODY_FRAMING_AMBIGUOUS', 400,
  ],
  [
    '§6.3: both framings, one unknown', POST + 'Transfer-Encoding: x\r\nContent-Length: 1\r\n\r\n',
    'BODY_FRAMING_AMBIGUOUS', 400,
  ],
  [
    '§6.1: Transfer-Encoding in HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n',
    'TRANSFER_ENCODING_IN_HTTP_1_0', 400,
  ],
  ...BAD_CODINGS.map((coding): Refused => [
    `§6.1: the Transfer-Encoding "${coding}"`, POST + `Transfer-Encoding: ${coding}\r\n\r\n`,
    'TRANSFER_ENCODING_INVALID', 400,
  ]),
  ...UNKNOWN_CODINGS.map((coding): Refused => [
    `§6.1: the Transfer-Encoding "${coding}"`, POST + `Transfer-Encoding: ${coding}\r\n\r\n`,
    'TRANSFER_ENCODING_UNSUPPORTED', 501,
  ]),
  [
    '§7: chunked twice, on two lines', POST + 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n',
    'TRANSFER_ENCODING_INVALID', 400,
  ],
  [
    '§6.1: two codings on two lines', POST + 'Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n',
    'TRANSFER_ENCODING_UNSUPPORTED', 501,
  ],
  ...['TCP4 192.0.2.1 192.0.2.2 56324 80', 'TCP6 ::1 ::1 56324 80', 'UNKNOWN', 'UNKNOWN a b c'].map((rest): Refused => [
    `the line PROXY ${rest} of the PROXY protocol`, `PROXY ${rest}\r\nGET / HTTP/1.1\r\n${HOST}`,
    'PROXY_PROTOCOL_UNEXPECTED', 400,
  ]),
  [
    'the signature of version 2 of the PROXY protocol', '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c',
    'PROXY_PROTOCOL_UNEXPECTED', 400,
  ],
  ['a null byte after one empty line', '\r\n\0\r\nQUIT\n', 'BYTE_INVALID', 400],
  ['a null byte after two empty lines and a letter', '\r\n\r\nA\0', 'BYTE_INVALID', 400],
  [`a method of 33 letters with a byte of none`, `${'M'.repeat(33)}\0`, 'METHOD_TOO_LONG', 501],
];
for (const [name, head, code, status] of refused) {
  test(`refuses ${name}`, () => {
    for (const trailing of FOLLOWERS) {
      assertEveryCut<Outcome>(latin1(head), parseChunks, { code, status }, { trailing: latin1(trailing) });
    }
    // The message is checked too.
    assertRefused(() => new RequestHeadParser().push(latin1(head)), code, status);
  });
}

test('§5.5: every control byte in a value is refused, but the tab; every other byte is kept', () => {
  for (let byte = 0; byte < 0x100; byte++) {
    const head = latin1(`GET / HTTP/1.1\r\nHost: a\r\nX: b${String.fromCharCode(byte)}c\r\n\r\n`);
    const isControl = (byte < 0x20 && byte !== 0x09) || byte === 0x7f;
    const code = byte === 0x0a || byte === 0x0d ? 'LINE_ENDING_INVALID' : 'BYTE_INVALID';
    if (isControl) assertRefused(() => new RequestHeadParser().push(head), code, 400);
    else assert.is(new RequestHeadParser().push(head)?.headers.get('x'), `b${String.fromCharCode(byte)}c`);
  }
});

test('§3.2: a target is visible ASCII without #', () => {
  for (let byte = 0; byte < 0x100; byte++) {
    const head = latin1(`GET /${String.fromCharCode(byte)} HTTP/1.1\r\nHost: a\r\n\r\n`);
    if (byte > 0x20 && byte < 0x7f && byte !== 0x23) assert.ok(new RequestHeadParser().push(head), `byte ${byte}`);
    else assert.throws(() => new RequestHeadParser().push(head), (error: unknown) => error instanceof HttpError);
  }
});

const hopeless: [name: string, beginning: string, code: string, status: number][] = [
  ['the first byte of TLS', '\x16', 'BYTE_INVALID', 400],
  ['the first byte beyond ASCII', 'GET /\xc3', 'BYTE_INVALID', 400],
  ['a bare line feed', 'GET / HTTP/1.1\n', 'LINE_ENDING_INVALID', 400],
  ['a bare carriage return', 'GET / HTTP/1.1\rx', 'LINE_ENDING_INVALID', 400],
  ['a control byte in a field', 'GET / HTTP/1.1\r\nX: \x01', 'BYTE_INVALID', 400],
];
for (const [name, beginning, code, status] of hopeless) {
  test(`a hopeless head is refused at once: ${name}`, () => {
    const parser = new RequestHeadParser();
    assert.is(parser.push(latin1(beginning.slice(0, -1))), null);
    assertRefused(() => parser.push(latin1(beginning.slice(-1))), code, status);
  });
}

/** A head of exactly `size` bytes. */
function headOfSize(size: number, before = ''): string {
  const empty = `${before}GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n`;
  return empty.replace('X: ', `X: ${'x'.repeat(size - empty.length)}`);
}

const BYTES: HeadLimits = { maxHeadBytes: 100 };
const FIELDS: HeadLimits = { maxHeaderFields: 3 };

const limits: [name: string, input: string, options: HeadLimits, expected: null | [string, number]][] = [
  ['a head of 100 bytes', headOfSize(100), BYTES, null],
  ['a head of 101 bytes', headOfSize(101), BYTES, ['HEAD_TOO_LARGE', 431]],
  ['a head that has no end after 100 bytes', headOfSize(104).slice(0, 100), BYTES, ['HEAD_TOO_LARGE', 431]],
  ['empty lines before, 100 bytes', headOfSize(100, '\r\n\r\n'), BYTES, null],
  ['empty lines before, 101 bytes', headOfSize(101, '\r\n\r\n'), BYTES, ['HEAD_TOO_LARGE', 431]],
  ['nothing but empty lines', '\r\n'.repeat(50), BYTES, ['HEAD_TOO_LARGE', 431]],
  ['a request line of 98 bytes', `GET /${'x'.repeat(84)} HTTP/1.1`, BYTES, null],
  ['a request line that has no end', `GET /${'x'.repeat(95)}`, BYTES, ['START_LINE_TOO_LONG', 414]],
  ['a method that has no end', 'M'.repeat(101), BYTES, ['METHOD_TOO_LONG', 501]],
  ['a method of 32 letters, and a target that has no end', `${'M'.repeat(32)} /${'x'.repeat(80)}`, BYTES,
    ['START_LINE_TOO_LONG', 414]],
  ['empty lines, and a method that has no end', `\r\n\r\n${'M'.repeat(101)}`, BYTES, ['METHOD_TOO_LONG', 501]],
  [
    'a request line that ends too late', `GET /${'x'.repeat(87)} HTTP/1.1\r\nHost: a\r\n\r\n`, BYTES,
    ['START_LINE_TOO_LONG', 414],
  ],
  [
    'a request line of exactly the limit', `GET /${'x'.repeat(84)} HTTP/1.1\r\nHost: a\r\n\r\n`, BYTES,
    ['HEAD_TOO_LARGE', 431],
  ],
  ['three fields', 'GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nY: 2\r\n\r\n', FIELDS, null],
  [
    'four fields, before the head ends', 'GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nY: 2\r\nZ: 3\r\n', FIELDS,
    ['TOO_MANY_HEADER_FIELDS', 431],
  ],
  ['no field where none may be', 'GET / HTTP/1.0\r\n\r\n', { maxHeaderFields: 0 }, null],
  [
    'one field where none may be', 'GET / HTTP/1.0\r\nX: 1\r\n', { maxHeaderFields: 0 },
    ['TOO_MANY_HEADER_FIELDS', 431],
  ],
];
for (const [name, input, options, expected] of limits) {
  test(`limits: ${name} ${expected === null ? 'may pass' : 'may not'}`, () => {
    assertEveryCut(latin1(input), (chunks) => {
      const outcome = parseChunks(chunks, options);
      return 'code' in outcome ? [outcome.code, outcome.status] : null;
    }, expected);
  });
}

test('limits: what follows the head does not count', () => {
  const parser = new RequestHeadParser({ maxHeadBytes: 100 });
  const head = headOfSize(100);
  assert.ok(parser.push(latin1(head + 'x'.repeat(1000))));
  assert.is(parser.rest.length, 1000);
});

test('limits: by default 16,384 bytes and 128 fields', () => {
  assert.ok(new RequestHeadParser().push(latin1(headOfSize(16_384))));
  assertRefused(() => new RequestHeadParser().push(latin1(headOfSize(16_385))), 'HEAD_TOO_LARGE', 431);
  const head = (count: number): Buffer => latin1(`GET / HTTP/1.0\r\n${'a:b\r\n'.repeat(count)}\r\n`);
  assert.is([...(new RequestHeadParser().push(head(128))?.headers ?? [])].length, 128);
  assertRefused(() => new RequestHeadParser().push(head(129)), 'TOO_MANY_HEADER_FIELDS', 431);
});

test('limits: 2,000 fields before Upgrade are refused, not dropped (CVE-2024-37890)', () => {
  const head = `GET / HTTP/1.1\r\nHost: a\r\n${'a:\r\n'.repeat(2000)}Upgrade: websocket\r\n\r\n`;
  assertRefused(() => new RequestHeadParser().push(latin1(head)), 'TOO_MANY_HEADER_FIELDS', 431);
});

test('limits: headers that never end are refused at the limit, whatever the chunks', () => {
  for (const size of [1, 7, 1000, 16_383, 65_536]) {
    const parser = new RequestHeadParser({ maxHeaderFields: Infinity });
    assert.is(parser.push(latin1('GET / HTTP/1.1\r\n')), null);
    const endless = latin1('X: endless\r\n'.repeat(Math.ceil(16_384 / 12) + size).slice(0, 16_384 + size));
    let taken = 0;
    assertRefused(() => {
      for (; taken < endless.length; taken += size) parser.push(endless.subarray(taken, taken + size));
    }, 'HEAD_TOO_LARGE', 431);
    assert.ok(taken < 16_384 - 16, `refused in the chunk that reaches the limit, after ${taken} bytes`);
  }
});

test('pipelined requests come out one by one, in order', () => {
  const heads = ['/a', '/b', '/c'].map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  assertEveryCut(latin1(heads.join('\r\n')), (chunks) => {
    const parser = new RequestHeadParser({ maxHeadBytes: 64, maxHeaderFields: 1 });
    const paths: string[] = [];
    for (const chunk of chunks) {
      for (let head = parser.push(chunk); head !== null; head = parser.push(parser.rest)) paths.push(head.path);
      assert.is(parser.rest.length, 0);
    }
    return paths;
  }, ['/a', '/b', '/c']);
});

test('a head in one chunk leaves its rest as a view of that chunk', () => {
  const parser = new RequestHeadParser();
  const head = latin1('GET / HTTP/1.1\r\nHost: a\r\n\r\n\x81\x00');
  parser.push(head);
  assert.is(parser.rest.buffer, head.buffer);
  assert.equal([...parser.rest], [0x81, 0x00]);
});

test('an empty chunk changes nothing', () => {
  const parser = new RequestHeadParser();
  assert.is(parser.push(Buffer.alloc(0)), null);
  assert.is(parser.push(latin1('GET / HTTP/1.1\r\nHost: a\r\n\r')), null);
  assert.is(parser.push(Buffer.alloc(0)), null);
  assert.is(parser.push(latin1('\n'))?.path, '/');
});

test('a head of a million one-byte chunks is read in linear time', () => {
  // If each chunk were scanned or copied with all before it, this would take 2^40 steps.
  const parser = new RequestHeadParser({ maxHeadBytes: 1 << 21, maxHeaderFields: 1 << 20 });
  const bytes = latin1(`GET / HTTP/1.1\r\nHost: a\r\n${'a:b\r\n'.repeat(200_000)}\r\n`);
  let head: RequestHead | null = null;
  for (let position = 0; position < bytes.length; position++) {
    assert.is(head, null);
    head = parser.push(bytes.subarray(position, position + 1));
  }
  assert.is(head?.headers.getAll('a').length, 200_000);
});

test('a million spaces, colons or empty lines are read in linear time', () => {
  const limits = { maxHeadBytes: 1 << 23 };
  for (const filler of [' ', ':', '\t', ', ', '%', '.']) {
    const head = `GET / HTTP/1.1\r\nHost: a\r\nX: ${filler.repeat(1 << 21)}x\r\n\r\n`;
    assert.ok(new RequestHeadParser(limits).push(latin1(head)));
  }
  const emptyLines = `${'\r\n'.repeat(1 << 21)}GET / HTTP/1.1\r\nHost: a\r\n\r\n`;
  assert.ok(new RequestHeadParser(limits).push(latin1(emptyLines)));
  const longHost = `GET / HTTP/1.1\r\nHost: ${'a'.repeat(1 << 21)}@\r\n\r\n`;
  assertRefused(() => new RequestHeadParser(limits).push(latin1(longHost)), 'HOST_INVALID', 400);
  const longLine = `${' '.repeat(1 << 21)}\r\n\r\n`;
  assertRefused(() => new RequestHeadParser(limits).push(latin1(longLine)), 'REQUEST_LINE_INVALID', 400);
});

test('host is the Host header, letter case kept', () => {
  assert.is(parseHead('GET / HTTP/1.1', 'hOsT: Example.COM:80').host, 'Example.COM:80');
});

test('a head that someone else has parsed is the same, and held to the same rules', () => {
  const fields = [['Host', 'a.example'], ['X', ' \xe4 '], ['x', '2']] as const;
  const { headers, ...head } = toRequestHead('GET', 'http://b.example/path?a=b', '1.1', fields);
  assert.equal(head, {
    method: 'GET', target: 'http://b.example/path?a=b', path: '/path', query: 'a=b', httpVersion: '1.1', protocol: null,
    host: 'b.example', bodyLength: 0,
  });
  assert.equal([...headers], [['host', 'a.example'], ['x', '\xe4'], ['x', '2']]);
  const parse = (target: string, ...lines: [string, string][]) => () => toRequestHead('GET', target, '1.1', lines);
  assertRefused(parse('/'), 'HOST_MISSING', 400);
  assertRefused(parse('/', ['Host', 'a b']), 'HOST_INVALID', 400);
  assertRefused(parse('/#', ['Host', 'a']), 'TARGET_INVALID', 400);
  assertRefused(parse('', ['Host', 'a']), 'TARGET_INVALID', 400);
  assertRefused(parse('/', ['Host', 'a'], ['X', 'a\r\nb: c']), 'HEADER_INVALID', 400);
  assertRefused(parse('/', ['Host', 'a'], ['Content-Length', '-1']), 'CONTENT_LENGTH_INVALID', 400);
});

test.run();

const extended = suite('RFC 8441: the head of an extended CONNECT');

const EXTENDED: readonly (readonly [name: string, value: string])[] = [
  [':method', 'CONNECT'], [':protocol', 'websocket'], [':scheme', 'https'], [':path', '/chat?a=b'],
  [':authority', 'server.example.com'],
];

/** That head with other values; `null` leaves a field out. */
function changed(changes: Record<string, string | null> = {}, more: [name: string, value: string][] = []): RequestHead {
  const all = EXTENDED.map(([name, value]) => [name, name in changes ? changes[name] : value] as const);
  const lines = all.filter((line): line is [string, string] => line[1] !== null);
  return toExtendedConnectHead([...lines, ...more]);
}

extended('§5.1: the example', () => {
  const { headers, ...head } = changed({}, [['sec-websocket-protocol', 'chat'], ['origin', 'http://www.example.com']]);
  assert.equal(head, {
    method: 'CONNECT', target: '/chat?a=b', path: '/chat', query: 'a=b', httpVersion: '2.0', protocol: 'websocket',
    host: 'server.example.com', bodyLength: 0,
  });
  assert.equal([...headers], [['sec-websocket-protocol', 'chat'], ['origin', 'http://www.example.com']]);
});

extended('RFC 9113 §8.2.3: lines of Cookie are joined by "; "', () => {
  const { headers } = changed({}, [['cookie', 'a=1'], ['x', 'y'], ['cookie', 'b=2']]);
  assert.equal([...headers], [['x', 'y'], ['cookie', 'a=1; b=2']]);
});

extended('a body is told by its fields', () => {
  assert.is(changed({}, [['content-length', '5']]).bodyLength, 5);
});

const malformed: readonly [name: string, code: string, changes: Record<string, string | null>][] = [
  ['no :scheme', 'PSEUDO_HEADER_MISSING', { ':scheme': null }],
  ['no :path', 'PSEUDO_HEADER_MISSING', { ':path': null }],
  ['no :authority', 'PSEUDO_HEADER_MISSING', { ':authority': null }],
  ['no :protocol', 'PSEUDO_HEADER_MISSING', { ':protocol': null }],
  ['a path without a slash', 'TARGET_INVALID', { ':path': 'chat' }],
  ['an absolute URL', 'TARGET_INVALID', { ':path': 'https://server.example.com/chat' }],
  ['an asterisk', 'TARGET_INVALID', { ':path': '*' }],
  ['a space', 'TARGET_INVALID', { ':path': '/a b' }],
  ['a character beyond ASCII', 'TARGET_INVALID', { ':path': '/\u00e4' }],
  ['a fragment', 'TARGET_INVALID', { ':path': '/a#b' }],
  ['a user name', 'HOST_INVALID', { ':authority': 'user@server.example.com' }],
  ['a port that is no number', 'HOST_INVALID', { ':authority': 'server.example.com:http' }],
];

for (const [name, code, changes] of malformed) {
  extended(`400: ${name}`, () => {
    assert.throws(() => changed(changes), (error: HttpError) => error.code === code && error.status === 400);
  });
}

extended('400: Host twice, beside :authority', () => {
  const hosts: [string, string][] = [['host', 'a'], ['host', 'a']];
  assert.throws(() => changed({}, hosts), ({ code }: HttpError) => code === 'HOST_DUPLICATE');
});

extended.run();
