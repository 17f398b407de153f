// The raw client against servers that answer with bytes written here.
import { rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { suite } from '../../runner/suite.js';
import { hex } from '../codec/cuts.js';
import { httpRequest, RawClient, SAMPLE_ACCEPT, SAMPLE_KEY, upgradeRequest } from './raw-client.js';

/** Serves each connection with `serve` while `use` runs. */
async function withServer(serve: (socket: Socket) => void, use: (port: number) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)));
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await use((server.address() as AddressInfo).port);
    // Settles only when no connection is left.
    await new Promise<void>((resolve, reject) => {
      server.close((error) => (error ? reject(error) : resolve()));
    });
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

/** Answers with these bytes as soon as a byte has come, and ends. */
function answer(text: string): (socket: Socket) => void {
  return (socket) => {
    socket.once('data', () => socket.end(Buffer.from(text, 'latin1')));
    socket.on('end', () => socket.end());
  };
}

const responses: readonly [name: string, text: string, status: number, body: string][] = [
  ['by length', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi', 200, 'hi'],
  ['by length, with bytes behind', 'HTTP/1.1 404 Not Found\r\ncontent-length:2\r\n\r\nhi!', 404, 'hi'],
  ['chunked', 'HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nA\r\n0123456789\r\n0\r\n\r\n', 200,
    'hi0123456789'],
  ['up to the end', 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi\r\n', 200, 'hi\r\n'],
  ['none with 204', 'HTTP/1.1 204 No Content\r\n\r\n', 204, ''],
  ['none with 304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n', 304, ''],
];

const http = suite('raw-client: HTTP');

for (const [name, text, status, body] of responses) {
  http(`a body: ${name}`, async () => {
    await withServer(answer(text), async (port) => {
      const response = await httpRequest(port, 'GET / HTTP/1.1\r\n\r\n');
      assert.equal([response.status, response.body.toString('latin1')], [status, body]);
    });
  });
}

http('the request is sent as it is, the response to HEAD has no body', async () => {
  const text = 'HEAD /\xff HTTP/1.1\r\nHost: x\r\n\r\n';
  let received = '';
  function serve(socket: Socket): void {
    socket.setEncoding('latin1').on('data', (part: string) => {
      received += part;
      if (received.endsWith('\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: 1\r\na: 2\r\n\r\n');
    });
    socket.on('end', () => socket.end());
  }
  await withServer(serve, async (port) => {
    const response = await httpRequest(port, text);
    assert.is(received, text);
    assert.is(response.reason, 'OK');
    assert.equal([...response.headers], [['content-length', '2'], ['a', '1, 2']]);
    assert.is(response.body.length, 0);
  });
});

const faults: readonly [name: string, text: string, message: RegExp][] = [
  ['no answer', '', /^the connection ended before "\\r\\n\\r\\n"; received 0 bytes/],
  ['half a head', 'HTTP/1.1 2', /received 10 bytes: 485454502f312e312032 = "HTTP\/1.1 2"$/],
  ['half a body', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi', /ended before 3 bytes; received 2 bytes: 6869/],
  ['no status line', 'HTTP/1.0 200 OK\r\n\r\n', /no status line/],
  ['no header field', 'HTTP/1.1 200 OK\r\nA : 1\r\n\r\n', /no header field: "A : 1"/],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n', /no Content-Length: 0, 0/],
  ['length and coding', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n', /^both/],
  ['a chunk too long', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nhi\r\n0\r\n\r\n', /ends with CRLF/],
  ['no last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n', /^the connection ended/],
  ['no chunk size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n', /no chunk size/],
];

for (const [name, text, message] of faults) {
  http(`it fails: ${name}`, async () => {
    await withServer(answer(text), (port) => rejects(httpRequest(port, 'GET / HTTP/1.1\r\n\r\n'), { message }));
  });
}

http('it fails to connect where nobody listens', async () => {
  let closedPort = 0;
  await withServer(() => {}, async (port) => {
    closedPort = port;
  });
  await rejects(httpRequest(closedPort, 'GET / HTTP/1.1\r\n\r\n'), { code: 'ECONNREFUSED' });
});

http.run();

const reading = suite('raw-client: reading');

reading('parts are read in order, however they come', async () => {
  function serve(socket: Socket): void {
    socket.write('one\r\ntwo');
    setImmediate(() => socket.end('\r\nthree'));
    socket.resume();
  }
  await withServer(serve, async (port) => {
    await using client = await RawClient.connect(port);
    const line = await client.readUntil('\r\n');
    assert.is((await client.readBytes(4)).toString(), 'two\r');
    assert.is((await client.readToEnd()).toString(), '\nthree');
    assert.is(line.toString(), 'one\r\n');
    assert.is(client.received.length, 0);
    assert.is(client.error, null);
  });
});

reading('what was read stays as it was while more comes', async () => {
  let count = 0;
  function serve(socket: Socket): void {
    socket.on('data', () => socket.write(Buffer.alloc(10, ++count)));
    socket.on('end', () => socket.end());
  }
  await withServer(serve, async (port) => {
    await using client = await RawClient.connect(port);
    const parts: Buffer[] = [];
    for (let round = 0; round < 100; round++) {
      client.write('.');
      parts.push(await client.readBytes(10));
    }
    assert.equal(parts, Array.from({ length: 100 }, (_, round) => Buffer.alloc(10, round + 1)));
  });
});

reading('a reset is an end, and told', async () => {
  await withServer((socket) => socket.once('data', () => socket.resetAndDestroy()), async (port) => {
    await using client = await RawClient.connect(port);
    client.write('x');
    assert.is((await client.readToEnd()).length, 0);
    assert.is((client.error as NodeJS.ErrnoException).code, 'ECONNRESET');
  });
});

reading.run();

const webSocket = suite('raw-client: WebSocket');

webSocket('RFC 6455 §1.3: the request', () => {
  assert.is(
    upgradeRequest('/chat', { Host: 'server.example.com', Connection: null, Origin: 'http://example.com' }),
    'GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: http://example.com\r\n\r\n',
  );
  assert.is(SAMPLE_KEY, 'dGhlIHNhbXBsZSBub25jZQ==');
  assert.is(SAMPLE_ACCEPT, 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
});

const switching = 'HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';

webSocket('RFC 6455 §5.7: frames in and out, the first right behind the head', async () => {
  const frames = hex('81 05 48 65 6c 6c 6f  8a 00');
  let sent: Promise<Buffer> | undefined;
  async function serve(socket: Socket): Promise<Buffer> {
    await using server = new RawClient(socket);
    await server.readUntil('\r\n\r\n');
    server.write(Buffer.concat([Buffer.from(switching), frames]));
    const received = await server.readToEnd();
    server.socket.end();
    return received;
  }
  await withServer((socket) => void (sent = serve(socket)), async (port) => {
    await using client = await RawClient.connect(port);
    await client.upgrade('/');
    assert.is((await client.readFrame()).payload.toString(), 'Hello');
    assert.is((await client.readFrame()).opcode, 10);
    client.sendFrame(1, 'Hello');
    client.sendFrame(2, hex('01'), { fin: false, rsv1: true, maskingKey: null });
    client.socket.end();
    assert.is((await client.readToEnd()).length, 0);
    assert.equal(await sent, hex('81 85 37 fa 21 3d 7f 9f 4d 51 58  42 01 01'));
  });
});

for (const [name, text] of [
  ['a refusal', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'],
  ['another accept value', switching.replace('s3p', 'S3p')],
  ['no accept value', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
] as const) {
  webSocket(`the upgrade fails: ${name}`, async () => {
    await withServer(answer(text), async (port) => {
      await using client = await RawClient.connect(port);
      await rejects(client.upgrade('/'), { message: /^the upgrade failed:\nHTTP\/1.1 (101|403)/ });
    });
  });
}

webSocket.run();
