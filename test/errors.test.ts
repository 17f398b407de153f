import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import {
  clientGone, ConnectionClosed, HandshakeError, HttpError, ignoreConnectionClosed, LogError, ProtocolError,
  TimeoutError,
  WebSocketError, type Close,
} from '../src/errors.js';
import { Run } from './cli/harness.js';
import { suite } from './runner/suite.js';

const errors = suite('errors');

const close: Close = { code: 4001, reason: 'kicked', wasClean: true };

for (const [name, error, code, message] of [
  ['WebSocketError', new WebSocketError('SOME_CODE', 'some message'), 'SOME_CODE', 'some message'],
  ['HttpError', new HttpError('NO_ROOM', 404, 'there is no such room'), 'NO_ROOM', 'there is no such room'],
  ['HandshakeError', new HandshakeError('NO_KEY', 401, 'bring a key'), 'NO_KEY', 'bring a key'],
  ['ProtocolError', new ProtocolError('RESERVED_BIT', 1002, 'RSV1 set'), 'RESERVED_BIT', 'RSV1 set'],
  ['LogError', new LogError('no permission'), 'LOG_FAILED', 'no permission'],
  ['TimeoutError', new TimeoutError('too late'), 'TIMEOUT', 'too late'],
  ['ConnectionClosed', new ConnectionClosed(null), 'CONNECTION_CLOSED', 'the connection is closing'],
  [
    'ConnectionClosed', new ConnectionClosed(close), 'CONNECTION_CLOSED',
    'the connection has ended with close code 4001: kicked',
  ],
  [
    'ConnectionClosed', new ConnectionClosed({ code: 1006, reason: '', wasClean: false, error: new Error('reset') }),
    'CONNECTION_CLOSED', 'the connection has ended with close code 1006: reset',
  ],
  [
    'ConnectionClosed', new ConnectionClosed({ code: 1005, reason: '', wasClean: true }),
    'CONNECTION_CLOSED', 'the connection has ended with close code 1005',
  ],
] as const) {
  errors(`${name} says "${message}"`, () => {
    assert.instance(error, WebSocketError);
    assert.is(error.name, name);
    assert.is(error.code, code);
    assert.is(error.message, message);
    assert.match(error.stack ?? '', new RegExp(`^${name}: `));
  });
}

for (const Refusing of [HttpError, HandshakeError]) {
  errors(`${Refusing.name} is answered with its message as a line, if it has no body`, () => {
    const error = new Refusing('NO_KEY', 401, 'bring a key');
    assert.is(error.status, 401);
    assert.equal(error.headers, {});
    assert.is(error.body, 'bring a key\n');
  });

  errors(`${Refusing.name} carries the reply it was given`, () => {
    const error = new Refusing('NO_KEY', 401, 'bring a key', { headers: { 'WWW-Authenticate': 'Key' }, body: '' });
    assert.equal(error.headers, { 'WWW-Authenticate': 'Key' });
    assert.is(error.body, '');
  });
}

errors('whoever catches HttpError has each HandshakeError too, and not the other way round', () => {
  assert.instance(new HandshakeError('NO_KEY', 401, 'bring a key'), HttpError);
  assert.not.instance(new HttpError('NO_ROOM', 404, 'there is no such room'), HandshakeError);
});

errors('a ProtocolError carries the close code for the peer', () => {
  assert.is(new ProtocolError('INVALID_UTF8', 1007, 'no UTF-8').closeCode, 1007);
});

errors('ConnectionClosed carries how the connection ended, once it has', () => {
  assert.is(new ConnectionClosed(close).close, close);
  assert.is(new ConnectionClosed(null).close, null);
});

errors('a name is the class\'s as published, whatever a minifier or an heir calls the class', () => {
  class a extends HandshakeError {}
  assert.is(new a('NO_KEY', 401, 'bring a key').name, 'HandshakeError');
  const published = {
    WebSocketError, HttpError, HandshakeError, ProtocolError, ConnectionClosed, LogError, TimeoutError,
  };
  for (const [name, { prototype }] of Object.entries(published)) assert.is(prototype.name, name);
});

errors.run();

const ignoring = suite('errors: ignoreConnectionClosed');

ignoring('it ignores that a connection has closed, and an abort by that', async () => {
  ignoreConnectionClosed(new ConnectionClosed(close));
  const controller = new AbortController();
  const slept = sleep(60_000, null, { signal: controller.signal }).catch((error: unknown) => error);
  controller.abort(clientGone());
  assert.is((controller.signal.reason as Error).name, 'AbortError');
  ignoreConnectionClosed(controller.signal.reason);
  const wrapped = await slept;
  assert.is.not(wrapped, controller.signal.reason);
  ignoreConnectionClosed(wrapped);
});

for (const [name, reason] of [
  ['another error', new TypeError('mine')],
  ['an error of the library', new TimeoutError('too late')],
  ['an abort by somebody else', AbortSignal.abort().reason],
  ['an error with another cause', new Error('mine', { cause: new Error('yours') })],
  ['nothing', undefined],
  ['null', null],
  ['text', 'mine'],
] as const) {
  ignoring(`it throws ${name}`, () => {
    let thrown: unknown = 'nothing was thrown';
    try {
      ignoreConnectionClosed(reason);
    } catch (error) {
      thrown = error;
    }
    assert.is(thrown, reason);
  });
}

const index = new URL('../src/index.js', import.meta.url).href;
const hook = "process.on('unhandledRejection', ignoreConnectionClosed);";

/** A server whose handler runs this beside its connection, until its peer has gone and it was run once more. */
function serverWith(callback: string, setUp = ''): string {
  return `
    import { connect, createServer, ignoreConnectionClosed, requireWebSocket } from '${index}';
    import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
    ${setUp}
    let late = 0;
    const server = createServer();
    server.route('/', requireWebSocket(async ({ webSocket, signal }) => {
      setInterval(() => { if (webSocket.isClosed()) late++; }, 1);
      ${callback}
      await webSocket.closed;
    }));
    await server.listen(0, '127.0.0.1');
    const client = await connect('ws://127.0.0.1:' + server.address().port + '/');
    await client.wait();
    await client.close();
    while (late < 2) await nextTurn();
    await nextTurn();
    console.log('alive');
    process.exit();`;
}

async function run(program: string): Promise<{ code: number | null; output: string; errors: string }> {
  await using process_ = new Run(['--input-type=module', '--eval', program], {}, process.execPath);
  process_.child.stdin!.end();
  return await process_.end();
}

const processes = suite('errors: a server whose peer leaves while a timer sends');

const awaited = "setInterval(async () => { await webSocket.send('tick'); }, 1);";
const survivors: readonly [name: string, callback: string, setUp?: string][] = [
  ['a send that is not awaited', "setInterval(() => void webSocket.send('tick'), 1);"],
  ['a send that is returned', "setInterval(() => webSocket.send('tick'), 1);"],
  ['an awaited send, with ignoreConnectionClosed', awaited, hook],
  ['an abort of the signal, with ignoreConnectionClosed',
    `${awaited} void (async () => { await sleep(60_000, null, { signal }); })();`, hook],
];

for (const [name, callback, setUp] of survivors) {
  processes(`it lives: ${name}`, async () => {
    const { code, output, errors } = await run(serverWith(callback, setUp));
    assert.equal([code, output, errors], [0, 'alive\n', '']);
  });
}

processes('it ends: an awaited send that nobody awaits, which the documents warn of', async () => {
  const { code, output, errors } = await run(serverWith(awaited));
  assert.equal([code, output], [1, '']);
  assert.match(errors, /^ConnectionClosed: the connection (?:is closing|has ended)/m);
});

processes('it ends: another rejection, with ignoreConnectionClosed, as Node.js does', async () => {
  const { code, output, errors } = await run(serverWith("void Promise.reject(new TypeError('mine'));", hook));
  assert.equal([code, output], [1, '']);
  assert.match(errors, 'TypeError: mine');
});

processes.run();
ignoring.run();
