// The test programs of libwebsockets against twobyte: its server mirrors and counts, its client prints and draws.
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import * as assert from 'uvu/assert';
import { connect, requireWebSocket, type Connection, type Message } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { startDemo } from '../support/demo.js';
import { requireProgram } from './programs.js';

const SERVER = '/usr/bin/libwebsockets-test-server';
const CLIENT = '/usr/bin/libwebsockets-test-client';

const MIRROR = 'lws-mirror-protocol';
const COUNT = 'dumb-increment-protocol';

/** Sent back as they are; longer ones are sent back in messages of at most 4,096 bytes. */
const mirrored: readonly [sent: Message, received: string][] = [
  ['Hello, World!', 'Hello, World!'],
  ['你好', '你好'],
  ['🎉', '🎉'],
  ['', ''],
  ['x'.repeat(125), 'x'.repeat(125)],
  ['x'.repeat(126), 'x'.repeat(126)],
  // Whatever is sent, it is mirrored as text.
  [Buffer.from('binary'), 'binary'],
];

const libwebsockets = suite('libwebsockets');

const started: ChildProcess[] = [];
let port = 0;

/** What a program logs, line by line. */
function run(command: string, args: readonly string[]): AsyncIterator<string> {
  const program = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  started.push(program);
  return createInterface({ input: program.stderr })[Symbol.asyncIterator]();
}

/** The first group of the next line that matches; the lines before it are of no interest. */
async function find(lines: AsyncIterator<string>, pattern: RegExp): Promise<string> {
  for (;;) {
    const { done, value } = await lines.next();
    if (done) throw new Error(`the program has ended before it logged ${pattern}`);
    const match = pattern.exec(value);
    if (match) return match[1] ?? '';
  }
}

libwebsockets.before(async () => {
  for (const program of [SERVER, CLIENT]) requireProgram(program, 'libwebsockets-test-server');
  // With 31 it logs the port that the system chose.
  const lines = run(SERVER, ['--port=0', '-i', 'lo', '-d', '31']);
  port = Number(await find(lines, /lws_socket_bind says (\d+)/));
  // A log that nobody reads would stop it.
  void drain(lines);
});

async function drain(lines: AsyncIterator<string>): Promise<void> {
  while (!(await lines.next()).done);
}

libwebsockets.after(() => {
  for (const program of started) program.kill('SIGKILL');
});

async function withServer(subprotocol: string, use: (connection: Connection) => Promise<void>): Promise<void> {
  const subprotocols = ['unknown', subprotocol];
  const connection = await connect(`ws://127.0.0.1:${port}/`, { subprotocols });
  try {
    assert.is(connection.subprotocol, subprotocol);
    await use(connection);
  } finally {
    connection.terminate();
  }
}

libwebsockets('its server: short messages', () => withServer(MIRROR, async (connection) => {
  for (const [sent, received] of mirrored) {
    await connection.send(sent);
    assert.is(await connection.wait(), received);
  }
  assert.equal(await connection.close(), { code: 1000, reason: '', wasClean: true });
}));

for (const length of [65_535, 65_536, 1 << 20]) {
  libwebsockets(`its server: a message of ${length} bytes`, () => withServer(MIRROR, async (connection) => {
    const sent = '0123456789abcde\n'.repeat(65_536).slice(0, length);
    await connection.send(sent);
    let received = '';
    while (received.length < length) received += await connection.wait({ timeout: 10_000 });
    assert.ok(received === sent, 'not what was sent');
  }));
}

libwebsockets('its server: pings of every length', () => withServer(MIRROR, async (connection) => {
  // One after the other: of several it answers the first only, where §5.5.3 allows the last only.
  for (let length = 0; length <= 125; length++) assert.ok((await connection.ping('x'.repeat(length))) > 0);
}));

libwebsockets('its server: we close', () => withServer(MIRROR, async (connection) => {
  assert.equal(await connection.close(4001, 'good bye'), { code: 4001, reason: 'good bye', wasClean: true });
}));

libwebsockets('its server: we close behind a big message', () => withServer(MIRROR, async (connection) => {
  void connection.send('x'.repeat(1 << 20));
  assert.equal(await connection.close(4001, 'done'), { code: 4001, reason: 'done', wasClean: true });
}));

libwebsockets('its server: it sends unasked, and closes', () => withServer(COUNT, async (connection) => {
  for (const number of ['0', '1', '2']) assert.is(await connection.wait(), number);
  await connection.send('closeme\n');
  assert.equal(await connection.closed, { code: 1001, reason: 'seeya', wasClean: true });
}));

/** Starts its client, and hands over the connection of that subprotocol and the log. */
async function withClient(
  subprotocol: string,
  use: (connection: Connection, lines: AsyncIterator<string>) => Promise<void>,
): Promise<void> {
  await using demo = await startDemo();
  const arrival = new Promise<Connection>((resolve) => {
    // It opens two connections, to this path only.
    demo.server.route('/client/', requireWebSocket(({ webSocket }) => {
      if (webSocket.subprotocol === subprotocol) resolve(webSocket);
      return webSocket.closed;
    }, { subprotocols: [COUNT, MIRROR] }));
  });
  const lines = run(CLIENT, [`ws://127.0.0.1:${demo.port}/client/`, '-d', '15']);
  await use(await arrival, lines);
  assert.equal(demo.errors, []);
}

libwebsockets('its client: it prints what it gets, answers pings, and our close', () => withClient(
  COUNT,
  async (connection, lines) => {
    for (const [index, text] of ['Hello', '你好', '🎉', ''].entries()) {
      await connection.send(text);
      const printed = `${Buffer.byteLength(text)} '${text}'`;
      assert.is(await find(lines, /: rx (\d+ '.*')/), printed, `message ${index}`);
      assert.ok((await connection.ping('x'.repeat(index))) > 0);
    }
    assert.equal(await connection.close(4001, 'good bye'), { code: 4001, reason: 'good bye', wasClean: true });
  },
));

libwebsockets('its client: it draws circles, and answers our close amid them', () => withClient(
  MIRROR,
  async (connection, lines) => {
    for (let count = 0; count < 1000; count++) {
      assert.match(String(await connection.wait()), /^c #[0-9A-F]{6} \d+ \d+ \d+;$/);
    }
    assert.equal(await connection.close(4001, 'good bye'), { code: 4001, reason: 'good bye', wasClean: true });
    await find(lines, /mirror: LWS_CALLBACK_CLOSED/);
  },
));

libwebsockets.run();
