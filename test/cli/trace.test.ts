// What --verbose tells of the bytes of a connection, in both directions.
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { trace } from '../../src/cli/trace.js';
import { suite } from '../runner/suite.js';
import { startDemo } from '../support/demo.js';
import { hex } from '../support/codec/cuts.js';
import { FakeStream } from '../support/peers/fake-stream.js';
import { run } from './harness.js';

const test = suite('cli/trace');

const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const ANSWER = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n';

/** What is told of what passes, without the times. */
async function tell(sent: readonly (string | Buffer)[], received: readonly (string | Buffer)[]): Promise<string[]> {
  const lines: string[] = [];
  const stream = new FakeStream();
  trace(stream, (line) => lines.push(line));
  for (const chunk of sent) stream.write(chunk, 'latin1');
  for (const chunk of received) stream.receive(Buffer.from(chunk as string, 'latin1'));
  stream.resume();
  await nextTurn();
  assert.is(stream.written.toString('latin1'), sent.map((chunk) => chunk.toString('latin1')).join(''));
  for (const line of lines) assert.match(line, /^ +\d+\.\d{3} [<>] /);
  return lines.map((line) => line.trimStart().replace(/^\S+ /, ''));
}

test('the heads, then each frame', async () => {
  const lines = await tell(
    [REQUEST, hex('81 81 00000000 61'), hex('89 81 00000000 62'), hex('88 85 00000000 03e8 627965')],
    [`${ANSWER}\x81\x01a`, hex('01 01 61  8a 01 62  80 01 62'), hex('c2 02 0000'), hex('88 00')],
  );
  assert.equal(lines, [
    '> GET / HTTP/1.1', '> Host: a', '> text, 1 bytes', '> ping b', '> close 1000 bye',
    '< HTTP/1.1 101 Switching Protocols', '< Upgrade: websocket', '< text, 1 bytes',
    '< text, 1 bytes, more to come', '< pong b', '< continuation, 1 bytes',
    '< binary, 2 bytes, compressed', '< close 1005',
  ]);
});

test('however the bytes are cut', async () => {
  const bytes = Buffer.from(`${ANSWER}\x81\x05hello\x89\x00\x88\x02\x03\xe9`, 'latin1');
  const whole = await tell([], [bytes]);
  assert.equal(whole.slice(2), ['< text, 5 bytes', '< ping', '< close 1001']);
  assert.equal(await tell([], Array.from(bytes, (_, index) => bytes.subarray(index, index + 1))), whole);
});

test('a refusal is told, and not its body', async () => {
  const lines = await tell([], ['HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\n\x81\x02', 'no']);
  assert.equal(lines, ['< HTTP/1.1 403 Forbidden', '< Content-Length: 4']);
});

test('a head without an end is given up, and a broken frame ends it', async () => {
  assert.equal(await tell([], ['x'.repeat(70_000), `\r\n\r\n${ANSWER}`]), []);
  const lines = await tell([], [ANSWER, hex('83 00'), hex('81 00')]);
  assert.equal(lines.slice(2), ['< broken: unknown opcode 3']);
});

test('what a peer sends cannot command a terminal', async () => {
  assert.equal((await tell([], ['HTTP/1.1 101 \x1b[2J\r\n\r\n', hex('89 01 07')])), [
    '< HTTP/1.1 101 ␛[2J', '< ping ␇',
  ]);
});

test('as a command, beside the connection', async () => {
  await using demo = await startDemo();
  for (const option of ['-v', '--verbose']) {
    const { code, output, errors } = await run([
      'connect', option, `ws://127.0.0.1:${demo.port}/echo/`, '--execute', 'hello', '--wait', '0',
    ]);
    assert.equal([code, output], [0, 'hello\n']);
    assert.match(errors, /^ +\d+\.\d{3} > GET \/echo\/ HTTP\/1\.1\n/);
    assert.match(errors, / < HTTP\/1\.1 101 [^]*\nconnected\n[^]* > text, 5 bytes\n[^]* < pong 1\n/);
  }
});

test.run();
