// `twobyte connect --reconnect`: one connection after another for one input; cli/connect has conversations on one.
import * as assert from 'uvu/assert';
import { suite } from '../runner/suite.js';
import type { RawClient } from '../support/peers/raw-client.js';
import { RawServer } from '../support/peers/raw-server.js';
import { Run } from './harness.js';

const TEXT = 0x1;
const CLOSE_1000 = Buffer.from('880203e8', 'hex');

const test = suite('cli/conversation: --reconnect');

interface Scene extends AsyncDisposable {
  readonly program: Run;
  /** The next connection. */
  accept(): Promise<RawClient>;
}

async function start(...args: string[]): Promise<Scene> {
  const server = await RawServer.listen();
  const program = new Run(['connect', '--reconnect', `ws://127.0.0.1:${server.port}/`, ...args]);
  return {
    program,
    accept: async () => (await server.acceptUpgrade()).peer,
    async [Symbol.asyncDispose]() {
      await program[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function hear(peer: RawClient): Promise<string> {
  const { opcode, payload } = await peer.readFrame();
  return `${opcode} ${payload}`;
}

/** Reads the Close frame of the program, and answers it. */
async function answerClose(peer: RawClient): Promise<void> {
  assert.is((await peer.readFrame()).payload.toString('hex'), '03e8');
  peer.write(CLOSE_1000);
  peer.socket.end();
}

test('it goes on after a lost connection, and after one that was closed', async () => {
  await using scene = await start();
  const { program } = scene;
  const first = await scene.accept();
  program.child.stdin!.write('one\n');
  assert.is(await hear(first), `${TEXT} one`);
  first.sendFrame(TEXT, 'answer', { maskingKey: null });
  await program.until(() => program.output === 'answer\n');
  first.socket.destroy();
  const second = await scene.accept();
  program.child.stdin!.write('two\n');
  assert.is(await hear(second), `${TEXT} two`);
  second.write(CLOSE_1000);
  second.socket.end();
  const third = await scene.accept();
  program.child.kill('SIGINT');
  await answerClose(third);
  const { code, output, errors } = await program.end();
  assert.equal([code, output], [0, 'answer\n']);
  assert.match(errors, new RegExp([
    'connected', 'the connection has ended with close code 1006.*; again in \\d+\\.\\d s',
    'connected', 'the connection has ended with close code 1000; again in \\d+\\.\\d s',
    'connected', 'closing; press Ctrl-C again to stop at once', 'closed with 1000\n$',
  ].join('\n')));
});

test('what is written meanwhile waits, and the end of the input too', async () => {
  await using scene = await start('--wait', '0');
  const first = await scene.accept();
  first.socket.destroy();
  await scene.program.until(() => scene.program.errors.includes('again in'));
  scene.program.child.stdin!.end('late\n');
  const second = await scene.accept();
  assert.is(await hear(second), `${TEXT} late`);
  // The ping after it is lost with the connection.
  assert.is((await second.readFrame()).opcode, 0x9);
  second.socket.destroy();
  const third = await scene.accept();
  const { payload } = await third.readFrame();
  third.sendFrame(0xa, payload, { maskingKey: null });
  await answerClose(third);
  assert.is((await scene.program.end()).code, 0);
});

test('--wait goes on over several connections', async () => {
  await using scene = await start('--wait', '86400', '--execute', 'all');
  const first = await scene.accept();
  assert.is(await hear(first), `${TEXT} all`);
  first.sendFrame(0xa, (await first.readFrame()).payload, { maskingKey: null });
  first.sendFrame(TEXT, 'one', { maskingKey: null });
  await scene.program.until(() => scene.program.output === 'one\n');
  first.socket.destroy();
  const second = await scene.accept();
  second.sendFrame(TEXT, 'two', { maskingKey: null });
  await scene.program.until(() => scene.program.output === 'one\ntwo\n');
  scene.program.child.kill('SIGTERM');
  assert.is((await second.readFrame()).opcode, 0x9);
  await answerClose(second);
  assert.is((await scene.program.end()).code, 0);
});

test('Ctrl-C ends a pause', async () => {
  await using program = new Run(['connect', '--reconnect', 'ws://127.0.0.1:1/']);
  await program.until(() => program.errors.includes('again in'));
  program.child.kill('SIGINT');
  const { code, errors } = await program.end();
  assert.is(code, 0);
  assert.match(errors, /ECONNREFUSED.*; again in \d+\.\d s\n/);
});

test('what no other attempt can mend ends it', async () => {
  await using server = await RawServer.listen();
  await using program = new Run(['connect', '--reconnect', `ws://127.0.0.1:${server.port}/`]);
  const peer = await server.accept();
  await peer.readUntil('\r\n\r\n');
  peer.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
  assert.equal(await program.end(), {
    code: 1, signal: null, output: '', errors: 'twobyte: the server answered with status 403: no\n',
  });
});

test.run();
