// What sets the clients of a bench to work counts every message, and finds an echo that is wrong.
import { EventEmitter, once } from 'node:events';
import * as assert from 'uvu/assert';
import { openDrive, type Open } from '../../../bench/harness/drive.js';
import { suite } from '../../runner/suite.js';

const test = suite('drive');

/** Connections that are no more than functions: a turn later, they answer a message with what `change` makes of it. */
class Echo extends EventEmitter {
  readonly sent: Uint8Array[] = [];
  readonly #change: (message: Uint8Array, index: number) => Uint8Array;

  constructor(change = (message: Uint8Array, _index: number): Uint8Array => message) {
    super();
    this.#change = change;
  }

  readonly open: Open = async (receive) => (message) => {
    const answer = this.#change(message, this.sent.push(message) - 1);
    setImmediate(() => {
      try {
        receive(answer);
      } catch (error) {
        this.emit('failure', (error as Error).message);
      }
    });
  };
}

/** 2 × 3 messages of 4 bytes; @returns what was found to be wrong with the echoes of two bursts. */
async function failureOf(echo: Echo): Promise<string> {
  const drive = async (): Promise<string> => {
    const run = await openDrive({ connections: 2, inFlight: 3, size: 4 }, echo.open);
    await run(0);
    return 'nothing';
  };
  const failure = once(echo, 'failure').then(([message]) => message as string);
  return await Promise.race([drive(), failure]);
}

test('each connection sends its burst once to be checked, and once in a run without time for another', async () => {
  const echo = new Echo();
  const run = await openDrive({ connections: 2, inFlight: 3, size: 4 }, echo.open);
  assert.is(echo.sent.length, 2 * 3);
  const { messages } = await run(0);
  assert.is(messages, 2 * 3);
  assert.equal(echo.sent.map((message) => Buffer.from(message).toString()), new Array(12).fill('aaaa'));
});

test('the next burst waits for all echoes of the one before', async () => {
  const receivers: Parameters<Open>[0][] = [];
  let sent = 0;
  const opened = openDrive({ connections: 1, inFlight: 2, size: 1 }, async (receive) => {
    receivers.push(receive);
    return () => sent++;
  });
  await new Promise((resolve) => setImmediate(resolve));
  const [receive] = receivers;
  for (const _ of [1, 2]) receive(Buffer.from('a'));
  void (await opened)(60_000);
  assert.is(sent, 4);
  receive(Buffer.from('a'));
  assert.is(sent, 4);
  receive(Buffer.from('a'));
  assert.is(sent, 6);
});

test('echoes of what was sent are fine, as an ArrayBuffer too', async () => {
  assert.is(await failureOf(new Echo()), 'nothing');
  const echo = new Echo((message) => new Uint8Array(message).buffer as never);
  assert.is(await failureOf(echo), 'nothing');
});

test('another byte in the first echoes of a connection fails', async () => {
  const echo = new Echo((message, index) => (index === 5 ? Buffer.from('aaab') : message));
  assert.is(await failureOf(echo), 'the echo is not what was sent');
});

test('what is sent may be masked where it lies only by who is found out', async () => {
  const echo = new Echo((message) => message.fill(98));
  assert.is(await failureOf(echo), 'the echo is not what was sent');
});

test('an echo that is too short fails whenever it comes', async () => {
  const echo = new Echo((message, index) => (index === 11 ? message.subarray(1) : message));
  assert.is(await failureOf(echo), 'an echo of 3 bytes, not of 4');
});

test.run();
