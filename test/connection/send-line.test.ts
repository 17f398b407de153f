// The order of messages while one of them is sent in pieces.
import * as assert from 'uvu/assert';
import { OutgoingMessage } from '../../src/connection/outgoing-message.js';
import { SendLine } from '../../src/connection/send-line.js';
import { suite } from '../runner/suite.js';

const test = suite('connection/send-line');

/** Tells what was asked of it. */
class Recorder {
  readonly calls: string[] = [];

  compressChunks(): null {
    return null;
  }

  fragmentBytes(): number {
    return 100;
  }

  writeFragment(first: number, payload: Uint8Array): Promise<void> {
    this.calls.push(`${first & 0x0f} ${Buffer.from(payload).toString()}${first & 0x80 ? ' FIN' : ''}`);
    return Promise.resolve();
  }

  sendNow(message: unknown): Promise<void> {
    this.calls.push(`whole ${String(message)}`);
    return Promise.resolve();
  }

  countStreamed(isText: boolean, byteLength: number): void {
    this.calls.push(`counted ${isText ? 'text' : 'binary'} ${byteLength}`);
  }

  fail(error: unknown): void {
    this.calls.push(`fail ${String(error)}`);
  }

  leaveLine(): void {
    this.calls.push('leave');
  }
}

async function* chunks(...texts: string[]): AsyncGenerator<string> {
  for (const text of texts) {
    if (text === 'throw') throw new Error('broken');
    yield text;
  }
}

test('messages are sent in their order, whole ones and sources', async () => {
  const recorder = new Recorder();
  const line = new SendLine(recorder);
  line.add(new OutgoingMessage(chunks('a', 'b'), {}));
  const whole = line.addWhole('c', undefined, 1);
  line.add(new OutgoingMessage(chunks('d'), {}));
  const last = line.addWhole('e', undefined, 1);
  assert.is(line.byteLength, 2);
  await Promise.all([whole, last, line.done]);
  assert.is(line.byteLength, 0);
  const expected = [
    '1 a', '0 b', '0  FIN', 'counted text 2', 'whole c', '1 d', '0  FIN', 'counted text 1', 'whole e', 'leave',
  ];
  assert.equal(recorder.calls, expected);
});

test('a source that fails costs the connection only once its message has begun', async () => {
  const recorder = new Recorder();
  const line = new SendLine(recorder);
  const messages = [['throw'], ['a', 'throw']].map((texts) => new OutgoingMessage(chunks(...texts), {}));
  for (const message of messages) line.add(message);
  for (const { done } of messages) {
    assert.is(await done.then(() => null, (error: Error) => error.message), 'broken');
  }
  await line.done;
  assert.equal(recorder.calls, ['1 a', 'fail Error: broken', 'leave']);
});

test('once it is stopped no source is begun', async () => {
  const recorder = new Recorder();
  const line = new SendLine(recorder);
  const messages = [chunks('a'), chunks('b')].map((source) => new OutgoingMessage(source, {}));
  const outcomes = messages.map(({ done }) => done.catch((error: Error) => error.message));
  for (const message of messages) line.add(message);
  void line.addWhole('c', undefined, 1);
  line.stop(new Error('closing'));
  assert.equal(await Promise.all(outcomes), ['closing', 'closing']);
  await line.done;
  assert.equal(recorder.calls, ['whole c', 'leave']);
});

test.run();
