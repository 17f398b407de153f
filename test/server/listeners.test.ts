// Listening in several places at once, from options, and until a signal; and the PROXY protocol before HTTP and TLS.
import { rejects, throws } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectNet, createServer as createNetServer, type AddressInfo } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import * as assert from 'uvu/assert';
import type { HttpError } from '../../src/errors.js';
import { canReusePort } from '../../src/server/listen-options.js';
import type { ServerOptions } from '../../src/server/options.js';
import type { RefusedRequest } from '../../src/server/refusal.js';
import type { Request } from '../../src/server/request.js';
import { createServer } from '../../src/server/server.js';
import { requireWebSocket } from '../../src/server/websocket.js';
import { suite } from '../runner/suite.js';
import { certificate, privateKey } from '../support/certificate.js';
import { Clock } from '../support/clock.js';
import { hex } from '../support/codec/cuts.js';
import { httpRequest, RawClient, upgradeRequest } from '../support/peers/raw-client.js';
import { get, nextTurn, serve, serverSide, until, type Served } from './harness.js';

const places = suite('listeners: places');

places('a port, a Unix socket and a port again, each with its address', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'twobyte-'));
  try {
    await using served = await serve();
    const path = join(folder, 'socket');
    assert.is(await served.server.listen({ path }), path);
    const { port, address } = await served.server.listen({ port: 0, host: '::1', ipv6Only: true }) as AddressInfo;
    assert.is(address, '::1');
    for (const target of [served.port, { path }, { port, host: '::1' }]) {
      assert.is((await httpRequest(target, get('/'))).body.toString(), 'hello');
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

places('a signal ends one of them, and leaves its connections', async () => {
  await using served = await serve();
  const stopped = new AbortController();
  const { port } = await served.server.listen({ port: 0, host: '127.0.0.1', signal: stopped.signal }) as AddressInfo;
  await using client = await RawClient.connect(port);
  client.write(get('/'));
  await client.readResponse();
  stopped.abort();
  await rejects(RawClient.connect(port), { code: 'ECONNREFUSED' });
  client.write(get('/'));
  assert.is((await client.readResponse()).body.toString(), 'hello');
  await served.assertWorking();
});

places('a signal of the first leaves the address of the second', async () => {
  const server = createServer();
  const first = new AbortController();
  await server.listen({ port: 0, host: '127.0.0.1', signal: first.signal });
  const second = await server.listen(0, '127.0.0.1');
  first.abort();
  assert.equal(server.address(), second);
  await server.close();
});

places('a signal that was aborted before rejects with its reason, and so does one while it begins', async () => {
  const server = createServer();
  const reason = new Error('no more');
  await rejects(server.listen({ port: 0, signal: AbortSignal.abort(reason) }), reason);
  const late = new AbortController();
  const listening = server.listen({ port: 0, host: '127.0.0.1', signal: late.signal });
  late.abort(reason);
  await rejects(listening, reason);
  assert.is(server.address(), null);
  await server.close();
});

places('a signal does not abort what has closed', async () => {
  const server = createServer();
  const controller = new AbortController();
  await server.listen({ port: 0, host: '127.0.0.1', signal: controller.signal });
  await server.close();
  await server.listen(0, '127.0.0.1');
  controller.abort();
  assert.ok(server.address() !== null);
  await server.close();
});

/** Serves at the listening descriptor that it is given as number 3. */
const HEIR = `
  import { createServer } from ${JSON.stringify(new URL('../../src/index.js', import.meta.url).href)};
  const server = createServer();
  server.route('/', () => 'by descriptor');
  await server.listen({ fd: 3 });
  console.log('listens');
`;

places('a file descriptor that listens already, as from another process', async () => {
  const own = createNetServer();
  await once(own.listen(0, '127.0.0.1'), 'listening');
  const { port } = own.address() as AddressInfo;
  const { fd = -1 } = (own as unknown as { readonly _handle?: { readonly fd?: number } })._handle ?? {};
  // Bun and Deno tell none, and Windows has none.
  if (fd >= 0) {
    const flags = ['--input-type=module', '--eval', HEIR];
    const heir = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit', fd] });
    try {
      await once(heir.stdout!, 'data');
      own.close();
      assert.is((await httpRequest(port, get('/'))).body.toString(), 'by descriptor');
    } finally {
      heir.kill('SIGKILL');
      await once(heir, 'close');
    }
  }
  own.close();
});

places('reusePort: two servers on one port, where that is possible; elsewhere a code', async () => {
  const isPossible = await canReusePort();
  const servers = [createServer(), createServer()] as const;
  const first = servers[0].listen({ port: 0, host: '127.0.0.1', reusePort: true });
  if (!isPossible) return void (await rejects(first, { code: 'REUSE_PORT_UNSUPPORTED' }));
  const { port } = await first as AddressInfo;
  assert.is((await servers[1].listen({ port, host: '127.0.0.1', reusePort: true }) as AddressInfo).port, port);
  for (const server of servers) await server.close();
});

places.run();

const proxied = suite('listeners: the PROXY protocol');

const LINE = 'PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n';
const BINARY = hex(
  '0d0a0d0a000d0a515549540a 21210027'
  + '20010db8000000000000000000000007 20010db8000000000000000000000001 dc04 01bb 040000',
).toString('latin1');
/** A health check of the proxy's own. */
const LOCAL = hex('0d0a0d0a000d0a515549540a 20 00 0000').toString('latin1');

const who = requireWebSocket(async ({ remoteAddress, webSocket }) => {
  await webSocket.send(remoteAddress);
  for await (const message of webSocket) await webSocket.send(message);
});

type Refused = [code: string, remoteAddress: string];

async function serveProxied(options: ServerOptions = {}): Promise<{ served: Served; refused: Refused[] }> {
  const refused: Refused[] = [];
  const onRefuse = ({ code }: HttpError, { remoteAddress }: RefusedRequest): void => {
    refused.push([code, remoteAddress]);
  };
  const tell = ({ remoteAddress, scheme, traffic }: Request): string => {
    return `${remoteAddress} ${scheme} ${traffic.bytesRead}`;
  };
  const routes = { '/': tell, '/ws': who };
  return { served: await serve(routes, { proxyProtocol: true, onRefuse, ...options }), refused };
}

/** A proxy that writes a header before what its client sends, in one chunk with it or alone. */
async function startRelay(port: number, header: string, isTogether: boolean) {
  const relay = createNetServer((inner) => {
    const outer = connectNet(port, '127.0.0.1');
    inner.on('error', () => {});
    outer.on('error', () => {}).pipe(inner);
    inner.once('data', (first: Buffer) => {
      const bytes = Buffer.from(header, 'latin1');
      outer.write(isTogether ? Buffer.concat([bytes, first]) : bytes, () => {
        if (!isTogether) outer.write(first);
        inner.pipe(outer);
      });
    });
  });
  await once(relay.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (relay.address() as AddressInfo).port,
    async [Symbol.asyncDispose](): Promise<void> {
      await new Promise((resolve) => relay.close(resolve));
    },
  };
}

const headers: readonly [name: string, header: string, address: string][] = [
  ['version 1', LINE, '203.0.113.7'],
  ['version 2 with a TLV', BINARY, '2001:db8::7'],
  ['a connection of the proxy\'s own', LOCAL, '127.0.0.1'],
];
for (const [name, header, address] of headers) {
  proxied(`${name}: whole and byte by byte, with what comes after it`, async () => {
    const { served } = await serveProxied();
    await using _ = served;
    const request = get('/');
    {
      await using whole = await RawClient.connect(served.port);
      whole.write(header + request + request);
      // The header is no part of the first request, with which what came early is counted.
      for (const bytes of [2 * request.length, 0]) {
        assert.is((await whole.readResponse()).body.toString(), `${address} http ${bytes}`);
      }
    }
    await using slow = await RawClient.connect(served.port);
    for (const byte of Buffer.from(header + request, 'latin1')) {
      slow.write(Buffer.of(byte));
      await nextTurn();
    }
    assert.is((await slow.readResponse()).body.toString(), `${address} http ${request.length}`);
  });

  proxied(`${name}: a WebSocket whose first frame came with it`, async () => {
    const { served } = await serveProxied();
    await using _ = served;
    await using client = await RawClient.connect(served.port);
    client.write(`${header}${upgradeRequest('/ws')}\x81\x82\0\0\0\0hi`);
    await client.readUntil('\r\n\r\n');
    assert.is((await client.readFrame()).payload.toString(), address);
    assert.is((await client.readFrame()).payload.toString(), 'hi');
  });

  for (const isTogether of [true, false]) {
    proxied(`${name}: before TLS, ${isTogether ? 'with' : 'before'} its first bytes`, async () => {
      const { served } = await serveProxied({ tls: { key: privateKey, cert: certificate } });
      await using _ = served;
      await using relay = await startRelay(served.port, header, isTogether);
      const socket = connectTls({ port: relay.port, host: '127.0.0.1', ca: certificate });
      await once(socket, 'secureConnect');
      await using client = new RawClient(socket);
      client.write(get('/'));
      assert.match((await client.readResponse()).body.toString(), new RegExp(`^${address} https \\d+$`));
    });
  }
}

proxied('what is no header is cut, and told', async () => {
  const { served, refused } = await serveProxied();
  await using _ = served;
  for (const bytes of [get('/'), 'PROXY nonsense\r\n', BINARY.replace('!', '\x11'), '\x16\x03\x01']) {
    await using client = await RawClient.connect(served.port);
    client.write(bytes);
    assert.is((await client.readToEnd()).length, 0);
  }
  assert.equal(refused, Array.from({ length: 4 }, () => ['PROXY_HEADER_INVALID', '127.0.0.1']));
});

proxied('an end or a reset before the end of the header is no crash, and told only if something came', async () => {
  const { served, refused } = await serveProxied();
  await using _ = served;
  for (const bytes of ['', 'PROXY', BINARY.slice(0, 20)]) {
    for (const ending of ['end', 'resetAndDestroy'] as const) {
      await using client = await RawClient.connect(served.port);
      const side = await serverSide(client);
      if (bytes !== '') client.write(bytes);
      await until('it has read', () => side.bytesRead >= bytes.length);
      client.socket[ending]();
      await client.readToEnd();
      await until('it is gone', () => side.destroyed);
    }
  }
  assert.equal(new Set(refused.map(([code]) => code)), new Set(['PROXY_HEADER_INVALID']));
  assert.ok(refused.length >= 2 && refused.length <= 4, `${refused.length}`);
});

proxied('without a header within headTimeout it is cut', async () => {
  using clock = new Clock(3_600_001);
  const { served, refused } = await serveProxied({ headTimeout: 3_600_001 });
  await using _ = served;
  for (const bytes of ['', 'PROXY TCP4']) {
    await using client = await RawClient.connect(served.port);
    const side = await serverSide(client);
    if (bytes !== '') client.write(bytes);
    await until('it has read', () => side.bytesRead >= bytes.length);
    clock.advance(3_600_001);
    assert.is((await client.readToEnd()).length, 0);
  }
  assert.equal(refused, [['PROXY_HEADER_INVALID', '127.0.0.1']]);
});

proxied('the time for the request begins after it', async () => {
  using clock = new Clock(3_600_001);
  const { served, refused } = await serveProxied({ headTimeout: 3_600_001 });
  await using _ = served;
  await using client = await RawClient.connect(served.port);
  client.write(LINE);
  const side = await serverSide(client);
  await until('it has read', () => side.bytesRead >= LINE.length && clock.timers === 1);
  await nextTurn();
  clock.advance(3_600_001);
  assert.match((await client.readToEnd()).toString(), /^(?:HTTP\/1\.1 408 |$)/);
  assert.ok(refused.length <= 1);
});

proxied('only from those that are named', async () => {
  const { served, refused } = await serveProxied({ proxyProtocol: '192.0.2.0/24' });
  await using _ = served;
  await using client = await RawClient.connect(served.port);
  assert.is((await client.readToEnd()).length, 0);
  assert.equal(refused, [['PROXY_UNKNOWN', '127.0.0.1']]);
  await using loopback = await serve({ '/ws': who }, { proxyProtocol: 'loopback' });
  await using known = await RawClient.connect(loopback.port);
  known.write(LINE + upgradeRequest('/ws'));
  await known.readUntil('\r\n\r\n');
  assert.is((await known.readFrame()).payload.toString(), '203.0.113.7');
});

proxied('one too many gets 503 before its header', async () => {
  const { served, refused } = await serveProxied({ maxConnections: 0 });
  await using _ = served;
  await using client = await RawClient.connect(served.port);
  assert.match((await client.readToEnd()).toString(), /^HTTP\/1\.1 503 /);
  assert.equal(refused, [['TOO_MANY_CONNECTIONS', '127.0.0.1']]);
});

proxied('close cuts a connection whose header is awaited, without waiting for it', async () => {
  const { served } = await serveProxied({ headTimeout: 3_600_000 });
  await using client = await RawClient.connect(served.port);
  client.write('PROXY');
  await serverSide(client);
  await served.server.close({ timeout: 3_600_000 });
  await client.readToEnd();
});

proxied('a header before X-Forwarded-For: the addresses are walked from there', async () => {
  const { served } = await serveProxied({ trustProxy: '203.0.113.7' });
  await using _ = served;
  await using client = await RawClient.connect(served.port);
  client.write(LINE + get('/', 'X-Forwarded-For: 198.51.100.1'));
  assert.match((await client.readResponse()).body.toString(), /^198\.51\.100\.1 http/);
});

proxied('a value that is none is a TypeError', () => {
  for (const wrong of ['nonsense', 1, null, {}]) {
    const message = /^proxyProtocol can't be /;
    throws(() => createServer({ proxyProtocol: wrong as string }), { name: 'TypeError', message });
  }
});

proxied.run();
