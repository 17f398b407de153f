// docs/how-to/from-dwebsocket.md: what the twobyte column of its table says, done, and what comes of it.
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import {
  acceptWebSocket, connect, ConnectionClosed, createServer, requireWebSocket, type Connection, type Request,
  type ServerOptions, type WebSocketHandler, type WebSocketRoute,
} from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { httpRequest, upgradeRequest } from '../support/peers/raw-client.js';

const test = suite('from-dwebsocket', { timeout: 30_000 });

const document = readFileSync(new URL('../../../docs/how-to/from-dwebsocket.md', import.meta.url), 'utf8');

/** The first cells of the rows: what one has with dwebsocket. */
const rows = Array.from(document.matchAll(/^\| (?!dwebsocket |---)(.+?) \|/gm), ([, cell]) => cell!);

/** Runs a server of one route, `/rooms/:room`. */
async function serve<T>(
  handler: WebSocketRoute | ((request: Request) => string),
  body: (url: string) => Promise<T>,
  options: ServerOptions = {},
): Promise<T> {
  const server = createServer({ onRefuse: () => {}, onError: () => {}, ...options });
  server.route('/rooms/:room', handler);
  const { port } = await server.listen(0, '127.0.0.1');
  try {
    return await body(`127.0.0.1:${port}/rooms/blue`);
  } finally {
    await server.close({ timeout: 0 });
  }
}

/** What a client gets of a handler, to which it sends this. */
async function talk(handler: WebSocketHandler<any>, ...messages: (string | Buffer)[]): Promise<unknown[]> {
  return serve(requireWebSocket(handler), async (url) => {
    const connection = await connect(`ws://${url}?message=hi`);
    for (const message of messages) await connection.send(message);
    const answers: unknown[] = [];
    for await (const answer of connection) answers.push(typeof answer === 'string' ? answer : [...answer]);
    return [...answers, (await connection.closed).code];
  });
}

/** The status of plain HTTP, and of a WebSocket. */
async function statuses(url: string, path = ''): Promise<number[]> {
  const { status } = await fetch(`http://${url}${path}`);
  return [status, await connect(`ws://${url}${path}`).then(() => 101, (error) => error.status as number)];
}

/** Answers with what a handler has found out, as JSON. */
function tell(find: (request: Request & { webSocket: Connection }) => unknown): WebSocketHandler<any> {
  return async (request) => request.webSocket.send(JSON.stringify(await find(request as never)));
}

const checks: Record<string, readonly [run: () => Promise<unknown>, gives: unknown]> = {
  '`@accept_websocket`': [
    () => serve(acceptWebSocket((request) => (request.isWebSocket() ? null : 'plain')), statuses),
    [200, 101],
  ],
  '`@require_websocket`': [() => serve(requireWebSocket(() => {}), statuses), [426, 101]],
  '`WEBSOCKET_ACCEPT_ALL = True`': [() => serve(() => 'plain', statuses, { acceptAll: true }), [200, 101]],
  'the middleware, for all views': [() => serve(() => 'plain', statuses), [200, 400]],
  '`urlpatterns`': [() => talk(tell(({ params }) => params['room'])), ['"blue"', 1000]],
  '`request.is_websocket()`': [
    () => serve(acceptWebSocket((request) => String(request.isWebSocket())), (url) => textOf(url)),
    'false',
  ],
  '`request.websocket`': [
    () => serve(acceptWebSocket((request) => String(request.webSocket)), (url) => textOf(url)),
    'null',
  ],
  "`request.GET['message']`": [
    () => talk(tell(({ query }) => [query.get('message'), query.get('other')])),
    ['["hi",null]', 1000],
  ],
  "`request.META['REMOTE_ADDR']`": [() => talk(tell(({ remoteAddress }) => remoteAddress)), ['"127.0.0.1"', 1000]],
  '`websocket.wait()`': [
    () => new Promise((resolve) => {
      void serve(requireWebSocket(async ({ webSocket }) => {
        resolve([await webSocket.wait(), await webSocket.wait(), await webSocket.wait()]);
      }), async (url) => {
        const connection = await connect(`ws://${url}`);
        await connection.send('one');
        await connection.close();
      });
    }),
    ['one', null, null],
  ],
  '`websocket.read()`': [
    () => talk(tell(async ({ webSocket }) => [webSocket.read() ?? 'fallback', await webSocket.wait()]), 'one'),
    ['["fallback","one"]', 1000],
  ],
  '`websocket.count_messages()`': [
    () => talk(tell(async ({ webSocket }) => {
      await untilAll(webSocket, 2);
      return [webSocket.countMessages(), webSocket.countMessages()];
    }), 'one', 'two'),
    ['[2,2]', 1000],
  ],
  '`websocket.has_messages()`': [
    () => talk(tell(async ({ webSocket }) => {
      const before = webSocket.hasMessages();
      await untilAll(webSocket, 1);
      return [before, webSocket.hasMessages()];
    }), 'one'),
    ['[false,true]', 1000],
  ],
  '`for message in websocket`': [
    () => talk(async ({ webSocket }) => {
      for await (const message of webSocket) {
        if (message === 'end') break;
        await webSocket.send(`${message}!`);
      }
    }, 'one', 'two', 'end'),
    ['one!', 'two!', 1000],
  ],
  '`websocket.send(message)`': [
    () => new Promise((resolve) => {
      void talk(async ({ webSocket }) => {
        void webSocket.close();
        resolve(await webSocket.send('late').then(() => 'sent', (error) => error instanceof ConnectionClosed));
      });
    }),
    true,
  ],
  '`websocket.close(code, reason)`': [
    () => talk(async ({ webSocket }) => {
      seen = await webSocket.close(4000, 'enough');
    }).then((answers) => [answers, seen]),
    // The peer's answer has the code alone.
    [[4000], { code: 4000, reason: '', wasClean: true }],
  ],
  '`websocket.closed`': [
    () => talk(async ({ webSocket }) => {
      seen = [webSocket.isClosed()];
      void webSocket.close();
      (seen as unknown[]).push(webSocket.isClosed());
    }).then(() => seen),
    [false, true],
  ],
  'bytes that you decode': [
    () => talk(async ({ webSocket }) => {
      for (let left = 2; left > 0; left--) await webSocket.send((await webSocket.wait())!);
    }, 'text', Buffer.of(1, 255)),
    ['text', [1, 255], 1000],
  ],
  'returning from the view closes': [
    async () => [await talk(() => {}), await talk(() => Promise.reject(new Error('broken')))],
    [[1000], [1011]],
  ],
  'a 400 for a broken handshake': [
    () => serve(requireWebSocket(() => {}), async (url) => {
      const [, port, path] = /:(\d+)(.*)/.exec(url)!;
      const requests = [
        upgradeRequest(path!, { 'Sec-WebSocket-Key': null }),
        upgradeRequest(path!).replace('GET', 'POST'),
        upgradeRequest(path!, { 'Sec-WebSocket-Version': '8' }),
        upgradeRequest(path!, { Origin: 'https://other.example' }),
      ];
      return Promise.all(requests.map(async (request) => (await httpRequest(Number(port), request)).status));
    }),
    [400, 405, 426, 403],
  ],
  'a thread or a greenlet for each client': [
    () => serve(requireWebSocket(async ({ webSocket }) => {
      await webSocket.wait();
      // The last one answers, while all others are here.
      if (++running === 20) await webSocket.send('all are here');
      else await webSocket.closed;
    }), async (url) => {
      const connections = await Promise.all(Array.from({ length: 20 }, () => connect(`ws://${url}`)));
      for (const connection of connections) await connection.send('here');
      return Promise.race(connections.map((connection) => connection.wait()));
    }),
    'all are here',
  ],
  '`WEBSOCKET_FACTORY_CLASS`, uWSGI, gevent': [() => serve(requireWebSocket(() => {}), statuses), [426, 101]],
};

/** What a handler has found out that can't tell its client. */
let seen: unknown;
let running = 0;

async function textOf(url: string): Promise<string> {
  return (await fetch(`http://${url}`)).text();
}

async function untilAll(connection: Connection, count: number): Promise<void> {
  while (connection.countMessages() < count) await new Promise((resolve) => setImmediate(resolve));
}

test('every row of the page has its check, and no check is of another row', () => {
  assert.equal(Object.keys(checks), rows);
});

for (const [row, [run, gives]] of Object.entries(checks)) {
  test(row, async () => assert.equal(await run(), gives));
}

test.run();
