// Who is believed about the client, hop by hop, and what a server makes of it: address, scheme, host, and origin.
import { throws } from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { upgrade, type HttpError, type RefusedRequest } from '../../src/index.js';
import { connect } from '../../src/client/connect.js';
import type { ForwardedHeader } from '../../src/http/forwarded.js';
import { RequestHeadParser } from '../../src/http/request-head.js';
import type { ServerOptions } from '../../src/server/options.js';
import { createServer } from '../../src/server/server.js';
import {
  addressMatcher, askedThrough, resolveProxyTrust, type Addresses,
} from '../../src/server/trust-proxy.js';
import { acceptWebSocket, requireWebSocket } from '../../src/server/websocket.js';
import { suite } from '../runner/suite.js';
import { httpRequest, upgradeRequest } from '../support/peers/raw-client.js';
import { get, serve } from './harness.js';

const matching = suite('trust-proxy: addresses');

const matches: readonly [addresses: Addresses, address: string, isMatch: boolean][] = [
  ['192.0.2.1', '192.0.2.1', true],
  ['192.0.2.1', '192.0.2.2', false],
  ['192.0.2.1', '::ffff:192.0.2.1', true],
  ['10.0.0.0/8', '10.255.0.1', true],
  ['10.0.0.0/8', '11.0.0.1', false],
  ['0.0.0.0/0', '203.0.113.1', true],
  ['0.0.0.0/0', '2001:db8::1', false],
  ['2001:db8::/32', '2001:db8:1::2', true],
  ['2001:db8::/32', '2001:db9::1', false],
  ['2001:DB8::1', '2001:db8:0::1', true],
  [['192.0.2.1', '198.51.100.0/24'], '198.51.100.7', true],
  [[], '127.0.0.1', false],
  ['loopback', '127.9.9.9', true],
  ['loopback', '::1', true],
  ['loopback', '::ffff:127.0.0.1', true],
  ['loopback', '128.0.0.1', false],
  ['loopback', '', false],
  ['private', '172.31.0.1', true],
  ['private', '172.32.0.1', false],
  ['private', 'fd00::1', true],
  ['fe80::/10', 'fe80::1%eth0', true],
  ['unix', '', true],
  [['unix', 'loopback'], '127.0.0.1', true],
  ['unix', '127.0.0.1', false],
];
for (const [addresses, address, isMatch] of matches) {
  matching(`${JSON.stringify(addresses)} ${isMatch ? 'has' : 'has not'} ${address || 'a Unix socket'}`, () => {
    assert.is(addressMatcher('trustProxy', addresses)(address), isMatch);
  });
}

for (const wrong of [
  'nonsense', 'Loopback', '192.0.2', '192.0.2.1/33', '2001:db8::/129', '192.0.2.1/', '192.0.2.1/a', 'fe80::1%eth0', '',
  'a.example', '192.0.2.1 ', ['loopback', '*'], [1], [null], true, {}, null,
]) {
  matching(`${JSON.stringify(wrong)} is a TypeError`, () => {
    const message = /^trustProxy can't be .*; name the proxies: /;
    throws(() => createServer({ trustProxy: wrong as string }), { name: 'TypeError', message });
  });
}

matching('a number of hops is in its range', () => {
  for (const hops of [0, 1, 100]) createServer({ trustProxy: hops });
  for (const hops of [-1, 0.5, NaN, Infinity, 101]) {
    throws(() => createServer({ trustProxy: hops }), { name: 'RangeError', message: /^trustProxy must be/ });
  }
});

matching('the header fields are those of X-Forwarded-*, or Forwarded alone', () => {
  for (const proxyHeaders of [[], ['forwarded'], ['x-forwarded-for', 'x-forwarded-host']] as const) {
    createServer({ proxyHeaders });
  }
  for (const wrong of ['forwarded', null, ['Forwarded'], ['forwarded', 'x-forwarded-for'], ['x-real-ip'], [1]]) {
    const options = { proxyHeaders: wrong } as unknown as ServerOptions;
    throws(() => createServer(options), { name: 'TypeError', message: /^proxyHeaders is a list of/ });
  }
});

matching.run();

const walk = suite('trust-proxy: from hop to hop');

type Told = readonly [remoteAddress: string, host: string | null, scheme: string | null];

/** What is known of a request from 192.0.2.1, whose Host is `own`. */
function ask(
  trustProxy: number | Addresses,
  proxyHeaders: readonly ForwardedHeader[] | undefined,
  ...fields: string[]
): Told {
  const text = ['GET / HTTP/1.1', 'Host: own', ...fields, '\r\n'].join('\r\n');
  const head = new RequestHeadParser().push(Buffer.from(text))!;
  const trust = resolveProxyTrust(trustProxy, proxyHeaders)!;
  const { remoteAddress, host, scheme } = askedThrough(trust, '192.0.2.1', head);
  return [remoteAddress, host, scheme];
}

const NOBODY: Told = ['192.0.2.1', 'own', null];
const X = [
  'X-Forwarded-For: 203.0.113.9, 198.51.100.1, 198.51.100.2', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: h',
];
const F = 'Forwarded: for=203.0.113.9;host=c;proto=http, for=198.51.100.1;host=b;proto=https, for=198.51.100.2;host=a';

const walks: readonly [trustProxy: number | Addresses, fields: readonly string[], expected: Told][] = [
  [0, X, NOBODY],
  [1, X, ['198.51.100.2', 'h', 'https']],
  [2, X, ['198.51.100.1', 'h', 'https']],
  [3, X, ['203.0.113.9', 'h', 'https']],
  [9, X, ['203.0.113.9', 'h', 'https']],
  ['loopback', X, NOBODY],
  ['192.0.2.1', X, ['198.51.100.2', 'h', 'https']],
  [['192.0.2.1', '198.51.100.2'], X, ['198.51.100.1', 'h', 'https']],
  // One further out is not believed if a nearer one isn't.
  [['192.0.2.1', '198.51.100.1'], X, ['198.51.100.2', 'h', 'https']],
  [['198.51.100.0/24', '192.0.2.1'], X, ['203.0.113.9', 'h', 'https']],
  [9, [], NOBODY],
  [9, ['X-Forwarded-Host: h'], ['192.0.2.1', 'h', null]],
  [9, ['X-Forwarded-For: 203.0.113.9, nonsense, 198.51.100.2'], ['198.51.100.2', 'own', null]],
  [9, ['X-Forwarded-For: 203.0.113.9, 198.51.100.300'], NOBODY],
  [9, ['X-Forwarded-For: fe80::1%eth0'], NOBODY],
  [9, ['X-Forwarded-For: 203.0.113.9,'], NOBODY],
  [9, ['X-Forwarded-For: 2001:db8::1'], ['2001:db8::1', 'own', null]],
  [9, [F], NOBODY],
];
for (const [trustProxy, fields, expected] of walks) {
  walk(`${JSON.stringify(trustProxy)}: ${fields[0] ?? 'nothing'} is ${expected.join(' ')}`, () => {
    assert.equal(ask(trustProxy, undefined, ...fields), expected);
  });
}

const forwardedWalks: readonly [trustProxy: number | Addresses, field: string, expected: Told][] = [
  [0, F, NOBODY],
  [1, F, ['198.51.100.2', 'a', null]],
  [2, F, ['198.51.100.1', 'b', 'https']],
  [3, F, ['203.0.113.9', 'c', 'http']],
  ['192.0.2.1', F, ['198.51.100.2', 'a', null]],
  [['192.0.2.1', '198.51.100.2'], F, ['198.51.100.1', 'b', 'https']],
  [9, 'Forwarded: for=203.0.113.9, for=_hidden;host=b, for=198.51.100.2;host=a', ['198.51.100.2', 'b', null]],
  [9, 'Forwarded: for=203.0.113.9, nonsense, for=198.51.100.2', ['198.51.100.2', 'own', null]],
  [9, 'Forwarded: proto=https', ['192.0.2.1', 'own', 'https']],
  [9, X[0]!, NOBODY],
];
for (const [trustProxy, field, expected] of forwardedWalks) {
  walk(`forwarded, ${JSON.stringify(trustProxy)}: ${field} is ${expected.join(' ')}`, () => {
    assert.equal(ask(trustProxy, ['forwarded'], field), expected);
  });
}

walk('as many hops as a head can hold take no more than that', () => {
  const list = Array.from({ length: 4000 }, () => '::1').join(',');
  assert.equal(ask(['192.0.2.1', '::1'], undefined, `X-Forwarded-For: ${list}`), ['::1', 'own', null]);
});

walk.run();

const served = suite('trust-proxy: a server');

const tell = acceptWebSocket(({ remoteAddress, scheme, host }) => `${remoteAddress} ${scheme} ${host}`);

served('without it nobody is believed', async () => {
  await using plain = await serve({ '/tell': tell });
  assert.is((await httpRequest(plain.port, get('/tell', ...X))).body.toString(), '127.0.0.1 http 127.0.0.1');
});

served('each request on a connection has its own client', async () => {
  await using behind = await serve({ '/tell': tell }, { trustProxy: 'loopback' });
  for (const client of ['203.0.113.1', '203.0.113.2']) {
    const fields = [`X-Forwarded-For: ${client}`, 'X-Forwarded-Proto: https', 'X-Forwarded-Host: www.example'];
    const { body } = await httpRequest(behind.port, get('/tell', ...fields));
    assert.is(body.toString(), `${client} https www.example`);
  }
});

const PUBLIC = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'www.example', 'X-Forwarded-For': '203.0.113.1' };

const origins: readonly [origin: string, options: ServerOptions, status: number][] = [
  ['https://www.example', {}, 403],
  ['https://www.example', { trustProxy: 1 }, 101],
  ['https://www.example:443', { trustProxy: 1 }, 101],
  ['http://www.example', { trustProxy: 1 }, 403],
  ['http://127.0.0.1', { trustProxy: 1 }, 403],
  ['http://127.0.0.1', {}, 101],
  ['https://www.example', { trustProxy: 1, proxyHeaders: ['forwarded'] }, 403],
  ['https://www.example', { trustProxy: 'private' }, 403],
  ['https://other.example', { trustProxy: 1, origins: ['https://other.example'] }, 101],
];
for (const [origin, options, status] of origins) {
  served(`a page of ${origin} with ${JSON.stringify(options)} gets ${status}`, async () => {
    const refused: [string, string][] = [];
    const onRefuse = (error: HttpError, { remoteAddress }: RefusedRequest): void => {
      refused.push([error.message, remoteAddress]);
    };
    const route = requireWebSocket(({ webSocket }) => webSocket.remoteAddress === '' ? undefined : webSocket.closed);
    await using behind = await serve({ '/ws': route }, { onRefuse, ...options });
    const text = upgradeRequest('/ws', { ...PUBLIC, Host: '127.0.0.1', Origin: origin });
    const response = await httpRequest(behind.port, text);
    assert.is(response.status, status);
    if (status === 101) return assert.equal(refused, []);
    const [[message, remoteAddress] = []] = refused;
    const isBelieved = options.trustProxy === 1 && !options.proxyHeaders;
    assert.is(remoteAddress, isBelieved ? '203.0.113.1' : '127.0.0.1');
    assert.match(message!, isBelieved ? `the host "www.example" over https` : 'set "trustProxy"');
    assert.not.match(response.body.toString(), /trust/);
  });
}

served('an attached server and a single upgrade know it, too', async () => {
  const server = createServer({ trustProxy: 1 });
  server.route('/attached', requireWebSocket(async ({ remoteAddress, scheme, host, webSocket }) => {
    await webSocket.send(`${remoteAddress} ${scheme} ${host}`);
  }));
  const httpServer = createHttpServer();
  server.attach(httpServer);
  let told = '';
  httpServer.on('upgrade', async (request, socket, head) => {
    if (request.url !== '/upgraded') return;
    const connection = await upgrade(request, socket, head, { trustProxy: 'loopback', proxyHeaders: ['forwarded'] });
    told = connection!.remoteAddress;
    await connection!.close();
  });
  await new Promise<void>((resolve) => httpServer.listen(0, '127.0.0.1', resolve));
  const { port } = httpServer.address() as AddressInfo;
  await using attached = await connect(`ws://127.0.0.1:${port}/attached`, { headers: PUBLIC });
  assert.is(await attached.wait(), '203.0.113.1 https www.example');
  await using upgraded = await connect(`ws://127.0.0.1:${port}/upgraded`, {
    headers: { ...PUBLIC, Forwarded: 'for=203.0.113.2' },
  });
  assert.is(await upgraded.wait(), null);
  assert.is(told, '203.0.113.2');
  await server.close();
  await new Promise<unknown>((resolve) => httpServer.close(resolve));
});

served('a wrong value is refused by upgrade at once', () => {
  const request = { method: 'GET', url: '/', httpVersion: '1.1', rawHeaders: [] };
  throws(() => upgrade(request, null as never, Buffer.alloc(0), { trustProxy: -1 }), RangeError);
});

served.run();
