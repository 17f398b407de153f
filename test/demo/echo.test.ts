// The demo's routes over real sockets: what they answer, byte by byte where it is a WebSocket.
import * as assert from 'uvu/assert';
import { suite } from '../runner/suite.js';
import { startDemo } from '../support/demo.js';
import { httpRequest, RawClient, upgradeRequest, type RawResponse } from '../support/peers/raw-client.js';

const TEXT = 0x1;
const BINARY = 0x2;
const CLOSE = 0x8;
const PING = 0x9;

async function request(port: number, line: string): Promise<RawResponse> {
  return await httpRequest(port, `${line} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
}

const http = suite('echo: HTTP');

http('/ leads to the page', async () => {
  await using demo = await startDemo();
  const response = await request(demo.port, 'GET /');
  assert.is(response.status, 302);
  assert.is(response.headers.get('location'), '/home/');
});

for (const path of ['/home/', '/echo/', '/echo/?massage=typo']) {
  http(`GET ${path} is the page`, async () => {
    await using demo = await startDemo();
    const { status, headers, body } = await request(demo.port, `GET ${path}`);
    assert.is(status, 200);
    assert.is(headers.get('content-type'), 'text/html; charset=utf-8');
    assert.is(headers.get('x-content-type-options'), 'nosniff');
    assert.match(headers.get('content-security-policy')!, "default-src 'none'; script-src 'self';");
    assert.match(body.toString(), /^<!doctype html>\n.*<\/html>\n$/s);
  });
}

const files: readonly [path: string, type: string, text: string][] = [
  ['/home/style.css', 'text/css; charset=utf-8', 'prefers-color-scheme: dark'],
  ['/home/script.js', 'text/javascript; charset=utf-8', 'new WebSocket('],
  ['/home/icon.svg', 'image/svg+xml; charset=utf-8', '<svg '],
];

for (const [path, type, text] of files) {
  http(`GET ${path}`, async () => {
    await using demo = await startDemo();
    const { status, headers, body } = await request(demo.port, `GET ${path}`);
    assert.is(status, 200);
    assert.is(headers.get('content-type'), type);
    assert.is(headers.get('x-content-type-options'), 'nosniff');
    assert.match(body.toString(), text);
  });
}

const messages: readonly [name: string, query: string, hex: string][] = [
  ['ASCII', 'message=Hello,%20World!', '48656c6c6f2c20576f726c6421'],
  ['a plus for a space', 'message=a+b', '612062'],
  ['UTF-8', 'message=%E4%BD%A0%E5%A5%BD', 'e4bda0e5a5bd'],
  ['four bytes', 'message=%F0%9F%8E%89', 'f09f8e89'],
  ['empty', 'message=', ''],
  ['what looks like HTML', 'message=%3Cscript%3E', '3c7363726970743e'],
  ['the first of two', 'other=1&message=1&message=2', '31'],
  ['no UTF-8', 'message=%FF', 'efbfbd'],
];

for (const [name, query, hex] of messages) {
  http(`the message comes back: ${name}`, async () => {
    await using demo = await startDemo();
    const { status, headers, body } = await request(demo.port, `GET /echo/?${query}`);
    assert.is(status, 200);
    assert.is(headers.get('content-type'), 'text/plain; charset=utf-8');
    assert.is(headers.get('x-content-type-options'), 'nosniff');
    assert.is(body.toString('hex'), hex);
  });
}

for (const path of ['/', '/home/', '/home/script.js', '/echo/', '/echo/?message=hi']) {
  http(`HEAD ${path} is GET without the body`, async () => {
    await using demo = await startDemo();
    await using client = await RawClient.connect(demo.port);
    const text = `${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
    client.write(`HEAD ${text}GET ${text}`);
    const head = await client.readResponse('HEAD');
    const get = await client.readResponse();
    // If there were a body, it would stand where the second response is.
    const withoutDate = ({ head }: RawResponse): string => head.replace(/Date: .*\r\n/, '');
    assert.is(withoutDate(head), withoutDate(get));
  });

  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    http(`${method} ${path} is 405`, async () => {
      await using demo = await startDemo();
      const response = await request(demo.port, `${method} ${path}`);
      assert.is(response.status, 405);
      assert.is(response.headers.get('allow'), 'GET, HEAD');
    });
  }
}

http('other paths are 404', async () => {
  await using demo = await startDemo();
  for (const path of ['/home', '/home/../cli.ts', '/echo', '/favicon.ico']) {
    assert.is((await request(demo.port, `GET ${path}`)).status, 404, path);
  }
});

http('GET /websocket/ is 426', async () => {
  await using demo = await startDemo();
  const response = await request(demo.port, 'GET /websocket/');
  assert.is(response.status, 426);
  assert.is(response.headers.get('upgrade'), 'websocket');
});

http('a WebSocket to the page is 400', async () => {
  await using demo = await startDemo();
  assert.is((await httpRequest(demo.port, upgradeRequest('/home/'))).status, 400);
});

http.run();

const webSocket = suite('echo: WebSocket');

/** Client frames, masked with the key of §5.7, and the frame that comes back. */
const echoes: readonly [name: string, send: (client: RawClient) => void, hex: string][] = [
  ['text', (client) => client.sendFrame(TEXT, 'Hello'), '810548656c6c6f'],
  ['text of three bytes a character', (client) => client.sendFrame(TEXT, '你好'), '8106e4bda0e5a5bd'],
  ['an emoji', (client) => client.sendFrame(TEXT, '🎉'), '8104f09f8e89'],
  ['no text', (client) => client.sendFrame(TEXT, ''), '8100'],
  ['binary', (client) => client.sendFrame(BINARY, Buffer.from([0, 0xff, 0x80])), '820300ff80'],
  ['no bytes', (client) => client.sendFrame(BINARY, ''), '8200'],
  [
    'fragments, as one message',
    (client) => {
      client.sendFrame(TEXT, 'Hel', { fin: false });
      client.sendFrame(0x0, 'lo');
    },
    '810548656c6c6f',
  ],
];

for (const [name, send, hex] of echoes) {
  webSocket(`/echo/ sends back: ${name}`, async () => {
    await using demo = await startDemo();
    await using client = await RawClient.connect(demo.port);
    await client.upgrade('/echo/');
    send(client);
    assert.is((await client.readBytes(hex.length / 2)).toString('hex'), hex);
    // Nothing came but that: the next bytes are the answer to a ping.
    client.sendFrame(PING, 'p');
    assert.is((await client.readBytes(3)).toString('hex'), '8a0170');
  });
}

webSocket('/echo/ sends back all in order, until the client closes', async () => {
  await using demo = await startDemo();
  await using client = await RawClient.connect(demo.port);
  await client.upgrade('/echo/');
  for (let number = 0; number < 100; number++) client.sendFrame(number % 2 ? BINARY : TEXT, `message ${number}`);
  for (let number = 0; number < 100; number++) {
    const { opcode, payload } = await client.readFrame();
    assert.is(opcode, number % 2 ? BINARY : TEXT);
    assert.is(payload.toString(), `message ${number}`);
  }
  client.sendFrame(CLOSE, Buffer.from('03e8', 'hex'));
  assert.is((await client.readToEnd()).toString('hex'), '880203e8');
  assert.equal(demo.errors, []);
});

webSocket('/websocket/ sends back one message, and closes with 1000', async () => {
  await using demo = await startDemo();
  await using client = await RawClient.connect(demo.port);
  await client.upgrade('/websocket/');
  client.sendFrame(BINARY, 'one');
  client.sendFrame(TEXT, 'two');
  assert.is((await client.readBytes(9)).toString('hex'), '82036f6e65880203e8');
  client.sendFrame(CLOSE, Buffer.from('03e8', 'hex'));
  // §7.1.1: the server ends TCP.
  assert.is((await client.readToEnd()).length, 0);
  assert.equal(demo.errors, []);
});

webSocket('/websocket/ lets a client go that says nothing', async () => {
  await using demo = await startDemo();
  await using client = await RawClient.connect(demo.port);
  await client.upgrade('/websocket/');
  client.sendFrame(CLOSE, Buffer.from('03e9', 'hex'));
  assert.is((await client.readToEnd()).toString('hex'), '880203e9');
  assert.equal(demo.errors, []);
});

webSocket('a client that breaks off leaves no error and no connection', async () => {
  await using demo = await startDemo();
  const client = await RawClient.connect(demo.port);
  await client.upgrade('/echo/');
  client.sendFrame(TEXT, 'Hello');
  await client.readFrame();
  const [connection] = demo.server.connections;
  client.socket.resetAndDestroy();
  assert.is((await connection!.closed).code, 1006);
  assert.equal(demo.errors, []);
  assert.is(demo.server.connections.size, 0);
});

webSocket.run();
