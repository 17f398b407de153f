// What `twobyte connect` asks a server for, and whom it trusts: every option for the time until the connection is open.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import * as assert from 'uvu/assert';
import { createServer, requireWebSocket } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { certificate, privateKey } from '../support/certificate.js';
import { RawServer, readRequest } from '../support/peers/raw-server.js';
import { run, Run } from './harness.js';

/** An unmasked Close frame with 1000. */
const CLOSE_1000 = Buffer.from('880203e8', 'hex');

const test = suite('cli/target');

test('without options', async () => {
  await using server = await RawServer.listen();
  await using program = new Run(['connect', `ws://127.0.0.1:${server.port}/chat?room=1`]);
  const { peer, request } = await server.acceptUpgrade();
  assert.is(request.requestLine, 'GET /chat?room=1 HTTP/1.1');
  for (const name of ['origin', 'sec-websocket-protocol']) assert.not(request.headers.has(name), name);
  peer.write(CLOSE_1000);
  peer.socket.end();
  assert.is((await program.end()).code, 0);
});

test('subprotocols, header fields and an origin', async () => {
  const options = [
    '--subprotocol', 'chat.v2', '--subprotocol', 'chat.v1', '--origin', 'https://example.com',
    '--header', 'Authorization: Bearer a:b', '--header', 'X-Trace:1', '--header', 'X-Trace: 2', '--header', 'X-Empty:',
  ];
  await using server = await RawServer.listen();
  await using program = new Run(['connect', ...options, `ws://127.0.0.1:${server.port}/`]);
  const { peer, request } = await server.acceptUpgrade({ 'Sec-WebSocket-Protocol': 'chat.v1' });
  for (const [name, value] of [
    ['sec-websocket-protocol', 'chat.v2, chat.v1'],
    ['origin', 'https://example.com'],
    ['authorization', 'Bearer a:b'],
    ['x-trace', '1, 2'],
    ['x-empty', ''],
  ] as const) {
    assert.is(request.headers.get(name), value, name);
  }
  peer.write(CLOSE_1000);
  peer.socket.end();
  assert.is((await program.end()).errors, 'connected, subprotocol chat.v1\nclosed with 1000\n');
});

for (const isTrusted of [true, false]) {
  test(`TLS, with a certificate that is ${isTrusted ? 'trusted' : 'not trusted'}`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'twobyte-'));
    try {
      const file = join(folder, 'certificate.pem');
      writeFileSync(file, certificate);
      await using server = await RawServer.listen({ tls: { cert: certificate, key: privateKey } });
      const environment = isTrusted ? { NODE_EXTRA_CA_CERTS: file } : {};
      await using program = new Run(['connect', `wss://localhost:${server.port}/`], environment);
      if (isTrusted) {
        const { peer } = await server.acceptUpgrade();
        peer.write(CLOSE_1000);
        peer.socket.end();
        assert.is((await program.end()).errors, 'connected\nclosed with 1000\n');
      } else {
        const problem = `localhost:${server.port} (DEPTH_ZERO_SELF_SIGNED_CERT)`;
        const errors = `twobyte: cannot connect to ${problem}; check the URL, and that the server runs\n`;
        assert.equal(await program.end(), { code: 1, signal: null, output: '', errors });
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

/** Files of PEM, for a server whose certificate nobody trusts. */
function writePem(): { readonly folder: string; readonly cert: string; readonly key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'twobyte-'));
  const [cert, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  writeFileSync(cert, certificate);
  writeFileSync(key, privateKey);
  return { folder, cert, key };
}

test('TLS: --ca trusts a file, --insecure anybody, --cert and --key show who it is', async () => {
  const { folder, cert, key } = writePem();
  const tls = { cert: certificate, key: privateKey, requestCert: true, rejectUnauthorized: false };
  try {
    for (const options of [['--ca', cert], ['--insecure'], ['--ca', cert, '--cert', cert, '--key', key]]) {
      await using server = await RawServer.listen({ tls });
      await using program = new Run(['connect', `wss://localhost:${server.port}/`, ...options]);
      const { peer } = await server.acceptUpgrade();
      const shown = (peer.socket as TLSSocket).getPeerX509Certificate();
      assert.is(shown?.toString(), options.includes('--cert') ? certificate : undefined);
      peer.write(CLOSE_1000);
      peer.socket.end();
      assert.is((await program.end()).errors, 'connected\nclosed with 1000\n');
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

for (const option of ['--ca', '--cert', '--key']) {
  test(`a file of ${option} that isn't there`, async () => {
    const { code, errors } = await run(['connect', 'wss://localhost:1/', option, '/nowhere/a.pem']);
    assert.equal([code, errors], [1, `twobyte: the file of ${option} cannot be read: /nowhere/a.pem (ENOENT)\n`]);
  });
}

test('--socket: the URL gives host and path', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'twobyte-'));
  try {
    const path = join(folder, 'socket');
    const server = createServer();
    server.route('/a/', requireWebSocket(async ({ host, query, webSocket }) => webSocket.send(`${host} ${query}`)));
    await server.listen(path);
    const { errors, output } = await run(['connect', 'ws://host.example/a/?b=1', '--socket', path]);
    await server.close();
    assert.equal([errors, output], ['connected\nclosed with 1000\n', 'host.example b=1\n']);
    const gone = await run(['connect', 'ws://host.example/a/', '--socket', path]);
    assert.is(gone.errors, `twobyte: cannot connect to ${path} (ENOENT); check the URL, and that the server runs\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('--proxy: by CONNECT', async () => {
  await using proxy = await RawServer.listen();
  await using program = new Run(['connect', 'ws://host.example/', '--proxy', `http://a:b@127.0.0.1:${proxy.port}`]);
  const peer = await proxy.accept();
  const { requestLine, headers } = await readRequest(peer);
  assert.equal([requestLine, headers.get('proxy-authorization')], ['CONNECT host.example:80 HTTP/1.1', 'Basic YTpi']);
  peer.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
  assert.is((await program.end()).code, 1);
});

test.run();
