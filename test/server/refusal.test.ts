// What onRefuse is told of, what it is told, and the few lines that are written where nobody has set it.
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { HandshakeError } from '../../src/errors.js';
import { describeRefusal, unreadRequest, warnOfHandshakes, type RefusedRequest } from '../../src/server/refusal.js';
import type { ServerOptions } from '../../src/server/options.js';
import { createServer } from '../../src/server/server.js';
import { requireWebSocket } from '../../src/server/websocket.js';
import { suite } from '../runner/suite.js';
import { httpRequest, RawClient, upgradeRequest } from '../support/peers/raw-client.js';
import { gate, get, request, serve, until, type Served } from './harness.js';

const ORIGIN = { Origin: 'http://evil.example' };
const error = new HandshakeError('ORIGIN_REFUSED', 403, 'this origin may not connect');

type Told = Parameters<ServerOptions['onRefuse'] & {}>;

/** A server that keeps what `onRefuse` is told. */
async function serveTelling(options: ServerOptions = {}): Promise<{ served: Served; told: string[]; all: Told[] }> {
  const all: Told[] = [];
  const told: string[] = [];
  const fail = (): never => {
    throw new HandshakeError('NO_SESSION', 401, 'sign in first');
  };
  const served = await serve({
    '/ws/': requireWebSocket(() => {}),
    '/secret/': requireWebSocket(() => {}, { authorize: () => false }),
    '/members/': requireWebSocket(() => {}, { authorize: fail }),
    '/thrown/': fail,
    '/unsendable/': () => Promise.reject(new HandshakeError('UPSTREAM', 0, 'no answer')),
    '/body/': (received) => received.body(),
  }, {
    ...options,
    onRefuse: (...values) => {
      const [{ status, code }, { remoteAddress, method, path, isHandshake }] = values;
      all.push(values);
      told.push([status, code, remoteAddress, method, path, isHandshake].join(' '));
    },
  });
  return { served, told, all };
}

const telling = suite('refusal: onRefuse');

const chunked = request('POST', '/body/', 'Transfer-Encoding: chunked');
const cases: readonly [name: string, text: string, told: string][] = [
  ['the origin', upgradeRequest('/ws/', ORIGIN), '403 ORIGIN_REFUSED 127.0.0.1 GET /ws/ true'],
  ['a handshake that is none', upgradeRequest('/ws/', { 'Sec-WebSocket-Key': 'a' }),
    '400 KEY_INVALID 127.0.0.1 GET /ws/ true'],
  ['the query is left out', upgradeRequest('/ws/?token=secret', ORIGIN),
    '403 ORIGIN_REFUSED 127.0.0.1 GET /ws/ true'],
  ['plain HTTP where a WebSocket is required', get('/ws/'), '426 UPGRADE_MISSING 127.0.0.1 GET /ws/ true'],
  ['a WebSocket where there is none', upgradeRequest('/'), '400 ROUTE_WITHOUT_WEBSOCKET 127.0.0.1 GET / true'],
  ['a WebSocket without a route', upgradeRequest('/none'), '404 NOT_FOUND 127.0.0.1 GET /none true'],
  ['authorize', upgradeRequest('/secret/'), '403 NOT_AUTHORIZED 127.0.0.1 GET /secret/ true'],
  ['authorize, with a reply of its own', upgradeRequest('/members/'), '401 NO_SESSION 127.0.0.1 GET /members/ true'],
  ['a handler, with a reply of its own', get('/thrown/'), '401 NO_SESSION 127.0.0.1 GET /thrown/ false'],
  ['a path without a route', get('/none'), '404 NOT_FOUND 127.0.0.1 GET /none false'],
  ['a broken path', get('/%zz'), '400 PATH_INVALID 127.0.0.1 GET /%zz false'],
  ['an unknown method', request('BREW', '/'), '501 METHOD_UNKNOWN 127.0.0.1 BREW / false'],
  ['an unknown expectation', get('/', 'Expect: tea'), '417 EXPECTATION_UNKNOWN 127.0.0.1 GET / false'],
  ['a body that is too long', `${request('POST', '/body/', 'Content-Length: 11')}01234567890`,
    '413 BODY_TOO_LARGE 127.0.0.1 POST /body/ false'],
  ['a broken body', `${chunked}x\r\n`, '400 CHUNKED_INVALID 127.0.0.1 POST /body/ false'],
  ['a head that is none: nothing is known of it', 'nonsense\r\n\r\n', '400 REQUEST_LINE_INVALID 127.0.0.1   false'],
  ['TLS where there is none', '\x16\x03\x01', '400 BYTE_INVALID 127.0.0.1   false'],
];

telling('what it throws is an unhandled rejection, and closing does not wait for that request', async () => {
  const listeners = process.listeners('unhandledRejection');
  const reported: unknown[] = [];
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', (reason) => void reported.push(reason));
  try {
    const mistake = new TypeError('a mistake');
    await using served = await serve({}, {
      onRefuse: () => {
        throw mistake;
      },
    });
    const client = await RawClient.connect(served.port);
    client.write(get('/none'));
    await until('it is told', () => reported.length === 1);
    assert.is(reported[0], mistake);
    client.socket.resetAndDestroy();
    await served.server.close({ timeout: 2 ** 31 - 1 });
  } finally {
    process.removeAllListeners('unhandledRejection');
    for (const listener of listeners) process.on('unhandledRejection', listener);
  }
});

for (const [name, text, expected] of cases) {
  telling(name, async () => {
    const { served, told } = await serveTelling({ maxBodyBytes: 10 });
    await using _ = served;
    const { status } = await httpRequest(served.port, text);
    assert.equal(told, [expected]);
    assert.is(status, Number(expected.slice(0, 3)));
  });
}

telling('the error, and the headers of the request', async () => {
  const { served, all } = await serveTelling();
  await using _ = served;
  const { body } = await httpRequest(served.port, upgradeRequest('/ws/', ORIGIN));
  await httpRequest(served.port, 'nonsense\r\n\r\n');
  const [[refused, { headers }], [broken, unread]] = all as [Told, Told];
  assert.is(refused.name, 'HandshakeError');
  assert.is(broken.name, 'HttpError');
  assert.is(`${broken.message}\n`, broken.body);
  assert.is(refused.body, body.toString());
  assert.is(headers.get('origin'), 'http://evil.example');
  assert.equal([...unread.headers], []);
});

telling('a head that is too slow', async () => {
  const { served, told } = await serveTelling({ headTimeout: 20 });
  await using _ = served;
  await using client = await RawClient.connect(served.port);
  client.write('GET / HT');
  assert.is((await client.readResponse()).status, 408);
  assert.equal(told, ['408 HEAD_TIMEOUT 127.0.0.1   false']);
});

telling('not of a connection that nothing came on, though it gets 408', async () => {
  const { served, told } = await serveTelling({ headTimeout: 20 });
  await using _ = served;
  await using client = await RawClient.connect(served.port);
  assert.is((await client.readResponse()).status, 408);
  assert.equal(told, []);
});

telling('a handshake while the server closes', async () => {
  const pending = gate<true>();
  const begun = gate();
  const authorize = (): Promise<true> => {
    begun.open();
    return pending.promise;
  };
  const { served, told } = await serveTelling();
  await using _ = served;
  served.server.route('/slow/', requireWebSocket(() => {}, { authorize }));
  await using client = await RawClient.connect(served.port);
  client.write(upgradeRequest('/slow/'));
  await begun.promise;
  const closed = served.server.close();
  pending.open(true);
  assert.is((await client.readResponse()).status, 503);
  client.socket.end();
  await closed;
  assert.equal(told, ['503 SERVER_CLOSING 127.0.0.1 GET /slow/ true']);
});

telling('a connection over maxConnections', async () => {
  const { served, told } = await serveTelling({ maxConnections: 0 });
  await using _ = served;
  assert.is((await httpRequest(served.port, get('/'))).status, 503);
  assert.equal(told, ['503 TOO_MANY_CONNECTIONS 127.0.0.1   false']);
});

telling('and over it on a Unix socket', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'twobyte-'));
  const path = join(folder, 'socket');
  const addresses: string[] = [];
  const server = createServer({ maxConnections: 0, onRefuse: (_, { remoteAddress }) => addresses.push(remoteAddress) });
  try {
    await server.listen(path);
    assert.is((await httpRequest({ path }, get('/'))).status, 503);
    assert.equal(addresses, ['']);
  } finally {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

telling('not of what is served, and not of a fault, which is for onError', async () => {
  const { served, told } = await serveTelling();
  await using _ = served;
  served.server.route('/fault/', () => Promise.reject(new Error('secret')));
  await served.assertWorking();
  assert.is((await httpRequest(served.port, get('/fault/'))).status, 500);
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/ws/');
  assert.equal(served.takeErrors(), ['Error: secret']);
  assert.equal(told, []);
});

telling('of a refusal that cannot be sent, both are told', async () => {
  const { served, told } = await serveTelling();
  await using _ = served;
  assert.is((await httpRequest(served.port, get('/unsendable/'))).status, 500);
  assert.equal(told, ['0 UPSTREAM 127.0.0.1 GET /unsendable/ false']);
  assert.match(served.takeErrors().join(), /^RangeError: the status of a reply/);
});

telling.run();

const lines = suite('refusal: in one line');

lines('with its request', () => {
  const { headers } = unreadRequest('');
  const told: RefusedRequest = { remoteAddress: '192.0.2.1', method: 'GET', path: '/a', headers, isHandshake: true };
  const line = 'refused GET "/a" from 192.0.2.1 with 403 ORIGIN_REFUSED: this origin may not connect';
  assert.is(describeRefusal(error, told), line);
});

lines('a path of any length is cut', () => {
  const { headers } = unreadRequest('');
  const path = `/${'a'.repeat(9000)}`;
  const line = describeRefusal(error, { remoteAddress: '192.0.2.1', method: 'GET', path, headers, isHandshake: true });
  assert.ok(line.length < 200, line);
});

lines('without a head, and on a Unix socket', () => {
  assert.is(
    describeRefusal(new HandshakeError('BYTE_INVALID', 400, 'no'), unreadRequest('192.0.2.1')),
    'refused a connection from 192.0.2.1 with 400 BYTE_INVALID: no',
  );
  const line = 'refused a connection with 403 ORIGIN_REFUSED: this origin may not connect';
  assert.is(describeRefusal(error, unreadRequest('')), line);
});

lines.run();

/** What is written to `console.warn` meanwhile. */
async function warningsOf(body: () => unknown): Promise<string[]> {
  const { warn: original } = console;
  const written: string[] = [];
  console.warn = (...values: unknown[]) => void written.push(...values.map(String));
  try {
    await body();
  } finally {
    console.warn = original;
  }
  return written;
}

const warnings = suite('refusal: by default');

warnings('the first refused handshake of each code is a line, and plain HTTP is none', async () => {
  const server = createServer();
  server.route('/ws/', requireWebSocket(() => {}));
  await server.listen(0, '127.0.0.1');
  const { port } = server.address() as AddressInfo;
  const written = await warningsOf(async () => {
    for (let count = 0; count < 3; count++) {
      await httpRequest(port, upgradeRequest('/ws/', ORIGIN));
      await httpRequest(port, upgradeRequest('/none'));
      await httpRequest(port, get('/none'));
      await httpRequest(port, 'nonsense\r\n\r\n');
    }
  });
  await server.close();
  assert.is(written.length, 2);
  assert.match(written[0]!, /^refused GET "\/ws\/" from 127\.0\.0\.1 with 403 ORIGIN_REFUSED: /);
  assert.match(written[0]!, '"http://evil.example"');
  assert.match(written[0]!, /\(the only line about this code; onRefuse is told of all\)$/);
  assert.match(written[1]!, /^refused GET "\/none" from 127\.0\.0\.1 with 404 NOT_FOUND: /);
});

warnings('each server has lines of its own', async () => {
  const written = await warningsOf(() => {
    for (const warn of [warnOfHandshakes(), warnOfHandshakes()]) {
      warn(error, { ...unreadRequest('192.0.2.1'), isHandshake: true });
    }
  });
  assert.is(written.length, 2);
});

warnings('codes without end are not all remembered', async () => {
  const warn = warnOfHandshakes();
  const written = await warningsOf(() => {
    for (let count = 0; count < 1000; count++) {
      warn(new HandshakeError(`CODE_${count}`, 403, 'no'), { ...unreadRequest('192.0.2.1'), isHandshake: true });
    }
  });
  assert.is(written.length, 64);
});

warnings.run();
