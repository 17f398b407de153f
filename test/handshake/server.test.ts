// Upgrade requests, each rule of RFC 6455 §4.2 broken by itself, origins, and the 101 answer.
import * as assert from 'uvu/assert';
import { HeaderFields } from '../../src/http/fields.js';
import { toExtendedConnectHead, type RequestHead } from '../../src/http/request-head.js';
import type { UpgradeOffer } from '../../src/handshake/server.js';
import {
  checkOrigin,
  chosenFields,
  isUpgrade,
  upgradeResponse,
  validateUpgrade,
} from '../../src/handshake/server.js';
import { suite } from '../runner/suite.js';
import { parseHead, refusal } from './refusal.js';

const test = suite('handshake/server');

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** The request of RFC 6455 §1.3 without its optional fields. */
const REQUEST = {
  Host: ['server.example.com'],
  Upgrade: ['websocket'],
  Connection: ['Upgrade'],
  'Sec-WebSocket-Key': [KEY],
  'Sec-WebSocket-Version': ['13'],
};

/** That request with other lines for some fields: an empty list leaves the field out. */
function request(changes: Record<string, string[]> = {}, requestLine = 'GET /chat HTTP/1.1'): RequestHead {
  const lines = Object.entries({ ...REQUEST, ...changes });
  return parseHead(requestLine, ...lines.flatMap(([name, values]) => values.map((value) => `${name}: ${value}`)));
}

test('the checks take a request that someone else has parsed', () => {
  const lines = Object.entries(REQUEST).map(([name, [value]]): [string, string] => [name, value!]);
  const headers = HeaderFields.from([...lines, ['Origin', 'https://server.example.com']]);
  const host = 'server.example.com';
  const head = { method: 'GET', httpVersion: '1.1', protocol: null, headers, host, bodyLength: 0 };
  assert.is(isUpgrade(head), true);
  assert.equal(validateUpgrade(head), { key: KEY, subprotocols: [], extensions: [] });
  checkOrigin(head, []);
  assert.is(refusal(() => checkOrigin({ ...head, host: 'other.example' }, []), 240).code, 'ORIGIN_REFUSED');
  assert.is(refusal(() => validateUpgrade({ ...head, httpVersion: '1.0' })).code, 'UPGRADE_NEEDS_HTTP_1_1');
});

test('what is wrong in any request is an HttpError, what is wrong as a handshake a HandshakeError', () => {
  const nameOf = (changes: Record<string, string[]>): string => refusal(() => validateUpgrade(request(changes))).name;
  assert.is(nameOf({ 'Sec-WebSocket-Key': [KEY, KEY] }), 'HttpError');
  assert.is(nameOf({ 'Sec-WebSocket-Key': [] }), 'HandshakeError');
});

test('§1.3: the example is valid', () => {
  const head = parseHead(
    'GET /chat HTTP/1.1',
    'Host: server.example.com',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Origin: http://example.com',
    'Sec-WebSocket-Protocol: chat, superchat',
    'Sec-WebSocket-Version: 13',
  );
  assert.is(isUpgrade(head), true);
  assert.equal(validateUpgrade(head), { key: KEY, subprotocols: ['chat', 'superchat'], extensions: [] });
});

const upgrades: [name: string, values: string[], expected: boolean][] = [
  ['the word', ['websocket'], true],
  ['any letter case', ['WebSocket'], true],
  ['a list', ['h2c, WEBSOCKET , x'], true],
  ['a second line', ['h2c', 'websocket'], true],
  ['empty elements', [',,websocket,'], true],
  ['protocols with a version', ['HTTP/2.0, websocket'], true],
  ['no field', [], false],
  ['an empty field', [''], false],
  ['another protocol', ['h2c'], false],
  ['a longer word', ['websockets'], false],
  ['a version', ['websocket/13'], false],
  ['two words', ['web socket'], false],
  ['a quoted word', ['"websocket"'], false],
  ['garbage', ['\u00ff;=,@'], false],
];
for (const [name, values, expected] of upgrades) {
  test(`§4.2.1 item 3: Upgrade with ${name} ${expected ? 'asks' : 'does not ask'} for a WebSocket`, () => {
    const head = request({ Upgrade: values });
    assert.is(isUpgrade(head), expected);
    if (expected) assert.is(validateUpgrade(head).key, KEY);
    else assert.is(refusal(() => validateUpgrade(head)).code, 'UPGRADE_MISSING');
  });
}

test('whether a WebSocket is asked for is known of invalid requests too', () => {
  assert.is(isUpgrade(request({ Connection: [], 'Sec-WebSocket-Key': [] }, 'POST / HTTP/1.0')), true);
});

const valid: [name: string, changes: Record<string, string[]>, expected?: Partial<UpgradeOffer>][] = [
  ['Connection in any letter case', { Connection: ['upgrade'] }],
  ['Connection as Firefox sends it', { Connection: ['keep-alive, Upgrade'] }],
  ['Connection on two lines', { Connection: ['keep-alive', 'UPGRADE'] }],
  ['Connection with empty elements', { Connection: [', ,Upgrade,'] }],
  ['whitespace around key and version', { 'Sec-WebSocket-Key': [` \t${KEY}\t `], 'Sec-WebSocket-Version': ['\t13 '] }],
  ['a body of no bytes', { 'Content-Length': ['0'] }],
  ['one subprotocol', { 'Sec-WebSocket-Protocol': ['chat.v1'] }, { subprotocols: ['chat.v1'] }],
  ['subprotocols on two lines', { 'Sec-WebSocket-Protocol': ['b ,a', 'c'] }, { subprotocols: ['b', 'a', 'c'] }],
  [
    'RFC 9110 §5.6.1.2: empty elements among subprotocols', { 'Sec-WebSocket-Protocol': [', a,,b ,', ''] },
    { subprotocols: ['a', 'b'] },
  ],
  ['subprotocols that differ in letter case', { 'Sec-WebSocket-Protocol': ['a, A'] }, { subprotocols: ['a', 'A'] }],
  [
    'subprotocols of prototype names', { 'Sec-WebSocket-Protocol': ['__proto__, constructor'] },
    { subprotocols: ['__proto__', 'constructor'] },
  ],
  [
    'extensions', { 'Sec-WebSocket-Extensions': ['permessage-deflate; client_max_window_bits'] },
    { extensions: [{ name: 'permessage-deflate', parameters: [['client_max_window_bits', true]] }] },
  ],
  [
    'extensions on two lines', { 'Sec-WebSocket-Extensions': ['a; b="1"', 'c'] },
    { extensions: [{ name: 'a', parameters: [['b', '1']] }, { name: 'c', parameters: [] }] },
  ],
  [
    'extensions and parameters of prototype names', { 'Sec-WebSocket-Extensions': ['constructor; __proto__=toString'] },
    { extensions: [{ name: 'constructor', parameters: [['__proto__', 'toString']] }] },
  ],
  [
    'repeated and bad window bits, which are for the extension to judge',
    { 'Sec-WebSocket-Extensions': ['a; bits; bits=0; bits=7; bits=16; bits=1000; bits=NaN'] },
    {
      extensions: [
        {
          name: 'a',
          parameters: [['bits', true], ['bits', '0'], ['bits', '7'], ['bits', '16'], ['bits', '1000'], ['bits', 'NaN']],
        },
      ],
    },
  ],
];
for (const [name, changes, expected] of valid) {
  test(`accepts ${name}`, () => {
    assert.equal(validateUpgrade(request(changes)), { key: KEY, subprotocols: [], extensions: [], ...expected });
  });
}

interface Refusal {
  readonly code: string;
  readonly status: number;
  readonly headers?: Record<string, string>;
  /** What the message must name. */
  readonly message: RegExp;
}

const UPGRADE = { Upgrade: 'websocket', Connection: 'Upgrade' };
const VERSION = { ...UPGRADE, 'Sec-WebSocket-Version': '13' };

const invalid: [name: string, head: () => RequestHead, expected: Refusal][] = [
  ...['POST', 'HEAD', 'get', 'OPTIONS'].map((method): [string, () => RequestHead, Refusal] => [
    `§4.2.1 item 1: the method ${method}`, () => request({}, `${method} / HTTP/1.1`),
    { code: 'METHOD_NOT_GET', status: 405, headers: { Allow: 'GET' }, message: /GET/ },
  ]),
  ['§4.2.1 item 1: HTTP/1.0', () => request({}, 'GET / HTTP/1.0'), {
    code: 'UPGRADE_NEEDS_HTTP_1_1', status: 505, message: /proxy.*HTTP\/1\.1/,
  }],
  ...['POST / HTTP/1.1', 'GET / HTTP/1.0', 'DELETE / HTTP/1.0'].map((line): [string, () => RequestHead, Refusal] => [
    `RFC 9110 §15.5.22: a plain request of ${line}`, () => parseHead(line, 'Host: a', 'Content-Length: 1'),
    { code: 'UPGRADE_MISSING', status: 426, headers: UPGRADE, message: /Upgrade: websocket/ },
  ]),
  ['§4.2.1 item 3: no Upgrade', () => request({ Upgrade: [] }), {
    code: 'UPGRADE_MISSING', status: 426, headers: UPGRADE, message: /Upgrade: websocket/,
  }],
  ['§4.2.1 item 3: a plain request', () => parseHead('GET / HTTP/1.1', 'Host: a'), {
    code: 'UPGRADE_MISSING', status: 426, headers: UPGRADE, message: /Upgrade: websocket/,
  }],
  ...[[], [''], ['keep-alive'], ['close', 'keep-alive'], ['upgraded']].map(
    (values): [string, () => RequestHead, Refusal] => [
      `§4.2.1 item 4: Connection of ${JSON.stringify(values)}`, () => request({ Connection: values }),
      { code: 'CONNECTION_NOT_UPGRADE', status: 400, message: /proxy/ },
    ],
  ),
  ['§4.2.1 item 4: a Connection that is no list of tokens', () => request({ Connection: ['Upgrade, a b'] }), {
    code: 'TOKEN_INVALID', status: 400, message: /"a b"/,
  }],
  ['§4.4: no version', () => request({ 'Sec-WebSocket-Version': [] }), {
    code: 'VERSION_MISSING', status: 426, headers: VERSION, message: /Sec-WebSocket-Version: 13/,
  }],
  ...['', '0', '7', '8', '12', '14', '013', '13.0', '13, 8', '255', '1000', 'x', '+13', '\u00b9\u00b3'].map(
    (version): [string, () => RequestHead, Refusal] => [
      `§4.4: the version "${version}"`, () => request({ 'Sec-WebSocket-Version': [version] }),
      { code: 'VERSION_UNSUPPORTED', status: 426, headers: VERSION, message: /Sec-WebSocket-Version: 13/ },
    ],
  ),
  ['§4.4: a version of 10,000 digits', () => request({ 'Sec-WebSocket-Version': ['1'.repeat(10_000)] }), {
    code: 'VERSION_UNSUPPORTED', status: 426, headers: VERSION, message: /1\.\.\."/,
  }],
  ['§11.3.5: two versions', () => request({ 'Sec-WebSocket-Version': ['13', '8'] }), {
    code: 'VERSION_DUPLICATE', status: 400, message: /sec-websocket-version/,
  }],
  ['§11.3.5: the same version twice', () => request({ 'Sec-WebSocket-Version': ['13', '13'] }), {
    code: 'VERSION_DUPLICATE', status: 400, message: /sec-websocket-version/,
  }],
  ['a body', () => request({ 'Content-Length': ['1'] }), {
    code: 'UPGRADE_WITH_BODY', status: 400, message: /body/,
  }],
  ['a chunked body (CVE-2026-69243)', () => request({ 'Transfer-Encoding': ['chunked'] }), {
    code: 'UPGRADE_WITH_BODY', status: 400, message: /body/,
  }],
  ['§4.2.1 item 5: no key', () => request({ 'Sec-WebSocket-Key': [] }), {
    code: 'KEY_MISSING', status: 400, message: /Sec-WebSocket-Key/,
  }],
  ['§11.3.1: two keys', () => request({ 'Sec-WebSocket-Key': [KEY, KEY] }), {
    code: 'KEY_DUPLICATE', status: 400, message: /sec-websocket-key/,
  }],
  ...['', 'x', 'dGhlIHNhbXBsZSBub25jZQ', 'AAAAAAAAAAAAAAAAAAAA', 'AAAAAAAAAAAAAAAAAAAAAAAA', `${KEY}, ${KEY}`].map(
    (key): [string, () => RequestHead, Refusal] => [
      `§4.2.1 item 5: the key "${key}"`, () => request({ 'Sec-WebSocket-Key': [key] }),
      { code: 'KEY_INVALID', status: 400, message: /Sec-WebSocket-Key.*16 bytes/ },
    ],
  ),
  ...['', ',', ' ,\t, ', 'a b', 'a,,b c', 'a;b', '"a"', 'a/b', 'a@b', 'caf\u00e9', `b${' '.repeat(10_000)}x`].map(
    (value): [string, () => RequestHead, Refusal] => [
      `§4.1 item 10: the subprotocols "${value.slice(0, 10)}"`, () => request({ 'Sec-WebSocket-Protocol': [value] }),
      { code: 'SUBPROTOCOL_INVALID', status: 400, message: /Sec-WebSocket-Protocol/ },
    ],
  ),
  ['§4.1 item 10: two empty lines of subprotocols', () => request({ 'Sec-WebSocket-Protocol': ['', ''] }), {
    code: 'SUBPROTOCOL_INVALID', status: 400, message: /""/,
  }],
  ['§4.1 item 10: a subprotocol twice', () => request({ 'Sec-WebSocket-Protocol': ['a, b, a'] }), {
    code: 'SUBPROTOCOL_DUPLICATE', status: 400, message: /twice/,
  }],
  ['§4.1 item 10: a subprotocol on two lines', () => request({ 'Sec-WebSocket-Protocol': ['a', 'a'] }), {
    code: 'SUBPROTOCOL_DUPLICATE', status: 400, message: /twice/,
  }],
  ...['', ',;constructor', 'a; b="', `a; b="${'\\c'.repeat(4_000)}`, 'a b', 'a; b="c d"', '\u00e9'].map(
    (value): [string, () => RequestHead, Refusal] => [
      `§9.1: the extensions '${value.slice(0, 15)}'`, () => request({ 'Sec-WebSocket-Extensions': [value] }),
      { code: 'EXTENSIONS_INVALID', status: 400, message: /Sec-WebSocket-Extensions/ },
    ],
  ),
  ['§9.1: a quoted string over two lines', () => request({ 'Sec-WebSocket-Extensions': ['a; b="c', 'd"'] }), {
    code: 'EXTENSIONS_INVALID', status: 400, message: /Sec-WebSocket-Extensions/,
  }],
];
for (const [name, head, { code, status, headers = {}, message }] of invalid) {
  test(`refuses ${name}`, () => {
    const error = refusal(() => validateUpgrade(head()));
    assert.equal({ code: error.code, status: error.status, headers: error.headers }, { code, status, headers });
    assert.match(error.message, message);
    assert.is(error.body, `${error.message}\n`);
  });
}

/** Each with the Host it was sent to; `true` if it passes. */
const origins: [name: string, host: string, origin: string, listed: string[] | '*', expected: boolean][] = [
  ['the same host', 'example.com', 'http://example.com', [], true],
  ['the same host behind TLS', 'example.com', 'https://example.com', [], true],
  ['the same host and port', 'example.com:8000', 'http://example.com:8000', [], true],
  ['the same host and port behind TLS', 'example.com:8000', 'https://example.com:8000', [], true],
  ['the same host in another letter case', 'Example.COM', 'HTTP://eXAMPLE.com', [], true],
  ['the default port of http in Host', 'example.com:80', 'http://example.com', [], true],
  ['the default port of https in Host', 'example.com:443', 'https://example.com', [], true],
  ['the default port in Origin', 'example.com', 'http://example.com:80', [], true],
  ['an IPv4 host', '127.0.0.1:8000', 'http://127.0.0.1:8000', [], true],
  ['an IPv6 host', '[::1]:8000', 'http://[::1]:8000', [], true],
  ['an IPv6 host that ends like a port', '[::80]', 'http://[::80]', [], true],
  ['the default port of https for http', 'example.com:443', 'http://example.com', [], false],
  ['the default port of http for https', 'example.com:80', 'https://example.com', [], false],
  ['another port', 'example.com:8000', 'http://example.com:8001', [], false],
  ['another port of the own machine', 'localhost:8000', 'http://localhost:5173', [], false],
  ['no port against a port', 'example.com:8000', 'http://example.com', [], false],
  ['a port that ends in 80', 'example.com', 'http://example.com:8080', [], false],
  ['another host', 'example.com', 'http://evil.example', [], false],
  ['a subdomain', 'example.com', 'http://sub.example.com', [], false],
  ['the parent domain', 'sub.example.com', 'http://example.com', [], false],
  ['a host that begins alike', 'example.com', 'http://example.com.evil.example', [], false],
  ['a host that ends alike', 'example.com', 'http://evilexample.com', [], false],
  ['another name of the same machine', 'localhost:8000', 'http://127.0.0.1:8000', [], false],
  ['a user name', 'example.com', 'http://example.com@evil.example', [], false],
  ['a user name before the host', 'example.com', 'http://user@example.com', [], false],
  ['a path', 'example.com', 'http://example.com/', [], false],
  ['two origins on one line', 'example.com', 'http://example.com http://evil.example', [], false],
  ['two origins in a list', 'example.com', 'http://example.com, http://evil.example', [], false],
  ['the host twice', 'example.com', 'http://example.com://example.com', [], false],
  ['no scheme', 'example.com', 'example.com', [], false],
  ['an address without a scheme, as tsung sends it', '127.0.0.1:8000', '127.0.0.1', [], false],
  ['a listed address without a scheme', '127.0.0.1:8000', '127.0.0.1', ['127.0.0.1'], true],
  ['no scheme, but slashes', 'example.com', '//example.com', [], false],
  ['the scheme of an extension', 'example.com', 'chrome-extension://example.com', [], false],
  ['the scheme file', 'example.com', 'file://example.com', [], false],
  ['the scheme ws, as some clients send it', 'example.com:8000', 'ws://example.com:8000', [], true],
  ['the scheme wss', 'example.com:8000', 'WSS://example.com:8000', [], true],
  ['the default port of ws in Origin', 'example.com', 'ws://example.com:80', [], true],
  ['the default port of wss in Host', 'example.com:443', 'wss://example.com', [], true],
  ['the default port of ws for wss', 'example.com:80', 'wss://example.com', [], false],
  ['the scheme ws of another host', 'example.com', 'ws://evil.example', [], false],
  ['a scheme that begins like ws', 'example.com', 'wsss://example.com', [], false],
  ['a scheme without a host', 'example.com', 'http://', [], false],
  ['an empty value', 'example.com', '', [], false],
  ['the opaque origin', 'example.com', 'null', [], false],
  ['the opaque origin against a host of that name', 'null', 'null', [], false],
  ['bytes beyond ASCII', 'example.com', 'http://\u00e9xample.com', [], false],
  ['a listed origin', 'example.com', 'https://app.example', ['https://other.example', 'https://app.example'], true],
  ['a listed origin in another letter case', 'example.com', 'HTTPS://App.example', ['https://aPP.example'], true],
  ['a listed origin with a port', 'example.com', 'http://localhost:5173', ['http://localhost:5173'], true],
  ['the listed opaque origin', 'example.com', 'null', ['null'], true],
  ['a listed extension', 'example.com', 'chrome-extension://abc', ['chrome-extension://abc'], true],
  ['the same host though others are listed', 'example.com', 'http://example.com', ['https://app.example'], true],
  ['another scheme than listed', 'example.com', 'http://app.example', ['https://app.example'], false],
  ['another port than listed', 'example.com', 'https://app.example:444', ['https://app.example'], false],
  ['a subdomain of a listed origin', 'example.com', 'https://x.app.example', ['https://app.example'], false],
  ['a listed star, which is no pattern', 'example.com', 'https://app.example', ['*'], false],
  ['any origin if all may pass', 'example.com', 'https://evil.example', '*', true],
  ['the opaque origin if all may pass', 'example.com', 'null', '*', true],
];
for (const [name, host, origin, listed, expected] of origins) {
  test(`§10.2: ${expected ? 'passes' : 'refuses'} ${name}`, () => {
    const head = request({ Host: [host], Origin: [origin] });
    if (expected) return checkOrigin(head, listed);
    const error = refusal(() => checkOrigin(head, listed), 240);
    assert.equal([error.code, error.status, error.headers], ['ORIGIN_REFUSED', 403, {}]);
    assert.match(error.message, /"origins"/);
    // Both hosts: behind a proxy that replaces Host, only the two together tell what is wrong.
    const hosts = `the origin "${origin.replace('\u00e9', '?')}" is not of the host "${host}"`;
    assert.ok(error.message.startsWith(hosts), error.message);
    assert.is(error.message.includes(', having no scheme; list it as it is in "origins"'), !origin.includes('://'));
    assert.match(error.message, /proxy.*Host.*"trustProxy"/);
    assert.is(error.body, `${error.message.replace(/, or set "trustProxy".*/, '')}\n`);
  });
}

type Scheme = 'http' | 'https';
const publicOrigins: [name: string, origin: string, host: string | null, scheme: Scheme, isFine: boolean][] = [
  ['the public host', 'https://www.example', 'www.example', 'https', true],
  ['the public host over ws', 'ws://www.example', 'www.example', 'http', true],
  ['its default port', 'https://www.example', 'www.example:443', 'https', true],
  ['the public host by the other scheme', 'http://www.example', 'www.example', 'https', false],
  ['the public host by TLS that was not used', 'wss://www.example', 'www.example', 'http', false],
  ['the host of the server itself', 'https://server.example.com', 'www.example', 'https', false],
  ['no host', 'https://', null, 'https', false],
];
for (const [name, origin, host, scheme, isFine] of publicOrigins) {
  test(`§10.2: what a proxy tells counts, ${isFine ? 'and passes' : 'which refuses'} ${name}`, () => {
    const head = request({ Origin: [origin] });
    if (isFine) return checkOrigin(head, [], { host, scheme });
    const { message, body } = refusal(() => checkOrigin(head, [], { host, scheme }), 240);
    const problem = `the origin "${origin}" is not of the host "${host ?? ''}" over ${scheme}, `;
    assert.ok(message.startsWith(problem), message);
    assert.not.match(body, ' over ');
  });
}

test('§10.2: no Origin passes, whatever is listed', () => {
  for (const listed of [[], ['https://app.example'], '*'] as const) checkOrigin(request(), listed);
});

test('§10.2: several Origins are refused, even if all may pass', () => {
  const head = request({ Origin: ['http://server.example.com', 'http://server.example.com'] });
  for (const listed of [[], ['http://server.example.com'], '*'] as const) {
    const error = refusal(() => checkOrigin(head, listed), 240);
    assert.equal([error.code, error.status], ['ORIGIN_DUPLICATE', 400]);
  }
});

test('§10.2: the host of a target in absolute form counts, not Host', () => {
  const head = request({ Origin: ['http://example.com'] }, 'GET http://example.com/ HTTP/1.1');
  checkOrigin(head, []);
  const other = request({ Origin: ['http://server.example.com'] }, 'GET http://example.com/ HTTP/1.1');
  assert.is(refusal(() => checkOrigin(other, []), 240).code, 'ORIGIN_REFUSED');
});

test('§10.2: a request without a host has no origin of its own', () => {
  const head = request({ Host: [], Origin: ['http://'] }, 'GET / HTTP/1.0');
  assert.is(refusal(() => checkOrigin(head, []), 240).code, 'ORIGIN_REFUSED');
});

test('§10.2: a refused origin is quoted briefly and printably', () => {
  const head = request({ Origin: [`http://\u0085\u00ff${'x'.repeat(5_000)}`] });
  const { message } = refusal(() => checkOrigin(head, []), 300);
  assert.match(message, /"http:\/\/\?\?x{68}\.\.\."/);
});

test('§1.3: the answer to the example', () => {
  assert.is(
    upgradeResponse(KEY, 'chat', ''),
    'HTTP/1.1 101 Switching Protocols\r\n' +
      'Upgrade: websocket\r\n' +
      'Connection: Upgrade\r\n' +
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n' +
      'Sec-WebSocket-Protocol: chat\r\n' +
      '\r\n',
  );
});

test('§4.2.2: the answer without a subprotocol', () => {
  assert.is(
    upgradeResponse(KEY, null, ''),
    'HTTP/1.1 101 Switching Protocols\r\n' +
      'Upgrade: websocket\r\n' +
      'Connection: Upgrade\r\n' +
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n' +
      '\r\n',
  );
});

test('no subprotocol can split the answer', () => {
  assert.throws(() => upgradeResponse(KEY, 'a\r\nSet-Cookie: b', ''), (error: unknown) => error instanceof TypeError);
});

// ── RFC 8441: over HTTP/2 ──

function extendedConnect(changes: [name: string, value: string][] = [['sec-websocket-version', '13']]): RequestHead {
  return toExtendedConnectHead([
    [':method', 'CONNECT'], [':protocol', 'WebSocket'], [':scheme', 'https'], [':path', '/chat'],
    [':authority', 'server.example.com'], ...changes,
  ]);
}

test('RFC 8441 §5: neither key nor Upgrade nor Connection, and the same fields otherwise', () => {
  const head = extendedConnect([
    ['sec-websocket-version', '13'], ['sec-websocket-protocol', 'chat, superchat'],
    ['sec-websocket-extensions', 'permessage-deflate'],
  ]);
  assert.is(isUpgrade(head), true);
  assert.equal(validateUpgrade(head), {
    key: '', subprotocols: ['chat', 'superchat'], extensions: [{ name: 'permessage-deflate', parameters: [] }],
  });
  checkOrigin(extendedConnect([['origin', 'https://server.example.com']]), []);
  assert.is(isUpgrade({ ...head, protocol: 'connect-udp' }), false);
});

test('RFC 8441 §5: a version that is not spoken is 400, as HTTP/2 has no Upgrade', () => {
  for (const [fields, code] of [[[], 'VERSION_MISSING'], [[['sec-websocket-version', '8']], 'VERSION_UNSUPPORTED']]) {
    const error = refusal(() => validateUpgrade(extendedConnect(fields as [string, string][])));
    assert.equal([error.code, error.status, error.headers], [code, 400, { 'Sec-WebSocket-Version': '13' }]);
  }
});

test('what was chosen are the fields of either answer', () => {
  assert.equal(chosenFields(null, ''), []);
  assert.equal(chosenFields('chat', 'permessage-deflate'), [
    ['Sec-WebSocket-Protocol', 'chat'], ['Sec-WebSocket-Extensions', 'permessage-deflate'],
  ]);
});

test.run();
