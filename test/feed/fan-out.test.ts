// Pushing to WebSockets: the bytes, catching up, slow readers of each kind, filters, marks, and the end.
import * as assert from 'uvu/assert';
import { LogError } from '../../src/errors.js';
import { FanOut, latestOf, type Filter, type Slow } from '../../src/feed/fan-out.js';
import { createFeed, type Feed } from '../../src/feed/feed.js';
import type { Batch, Update } from '../../src/feed/log.js';
import { MemoryLog } from '../../src/feed/memory-log.js';
import { suite } from '../runner/suite.js';
import { decodeNaive } from '../support/codec/naive-codec.js';
import { Clock } from '../support/clock.js';
import { Recorder } from '../support/recorder.js';
import { nextTurn, open, smallStream, terminateAll, type Opened } from '../connection/harness.js';
import { feedOf, RemoteLog } from './harness.js';

const test = suite('fan-out');
test.after.each(terminateAll);

interface Served extends Opened {
  readonly ended: Promise<void>;
}

function serve<T>(fanOut: FanOut<T>, place = 'all', filter: Filter<T> | null = null, opened = open()): Served {
  return Object.assign(opened, { ended: fanOut.serve(opened.connection, place, filter) });
}

async function turns(count = 12): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn();
}

/** What a connection has sent, as short text: `1`, `4 missed 2` for updates, `@a-1` for a mark, and a close code. */
function sentBy({ stream }: Opened): string[] {
  return decodeNaive(stream.written).frames.map(({ opcode, payload }) => {
    if (opcode === 8) return `close ${payload.readUInt16BE()}`;
    const { id, value, missed } = JSON.parse(payload.toString()) as Record<string, string>;
    const gap = missed === undefined ? '' : ` missed ${missed}`;
    return value === undefined ? `@${id}${gap}` : `${value.slice(0, 9)}${gap}`;
  });
}

function publish(feed: Feed<string>, ...values: string[]): void {
  for (const value of values) void feed.publish(value);
}

test('what is there, then each update in the tick it is published, one write for each connection', async () => {
  const feed = feedOf(2);
  const fanOut = new FanOut(feed, 'wait');
  const readers = ['all', 'a-1', 'a-2', 'now', 'latest'].map((place) => serve(fanOut, place));
  await turns();
  const before = readers.map(({ stream }) => stream.writes.length);
  publish(feed, '3', '4');
  await nextTurn();
  assert.equal(readers.map(sentBy), [
    ['1', '2', '3', '4'], ['2', '3', '4'], ['@a-2', '3', '4'], ['@a-2', '3', '4'], ['2', '3', '4'],
  ]);
  readers.forEach(({ stream }, index) => assert.is(stream.writes.length, before[index]! + 1));
});

test('with a log elsewhere it is the same', async () => {
  const log = new RemoteLog();
  const feed = createFeed<string>({ log });
  publish(feed, '1', '2');
  await turns();
  const fanOut = new FanOut(feed, 'wait');
  const readers = [serve(fanOut), serve(fanOut, 'a-1'), serve(fanOut, 'now')];
  await turns();
  publish(feed, '3', '4');
  await turns();
  assert.equal(readers.map(sentBy), [['1', '2', '3', '4'], ['2', '3', '4'], ['@a-2', '3', '4']]);
});

test('however updates and readers come together, each reader has all of them once', async () => {
  const feed = createFeed<string>({ log: new RemoteLog() });
  const fanOut = new FanOut(feed, 'wait');
  const readers: Served[] = [];
  for (let number = 1; number <= 40; number++) {
    publish(feed, String(number));
    readers.push(serve(fanOut));
    await turns(number % 5);
  }
  await turns();
  const all = Array.from({ length: 40 }, (_, index) => String(index + 1));
  for (const reader of readers) {
    const values = sentBy(reader).filter((text) => !text.startsWith('@'));
    assert.equal(values.sort((one, other) => Number(one) - Number(other)), all);
    assert.equal(values, sentBy(reader).filter((text) => !text.startsWith('@')));
  }
});

test('an unknown place: told at once that nothing is there, then with the first update', async () => {
  const feed = feedOf(0);
  const reader = serve(new FanOut(feed, 'wait'), 'b-7');
  await turns();
  publish(feed, '1');
  await turns();
  publish(feed, '2');
  await turns();
  assert.equal(sentBy(reader), ['@b-7', '1 missed unknown', '2']);
});

/** Text that fills a small stream. */
const LONG = 'x'.repeat(200);

/** A reader that has read everything, then stops reading: from the update `5` on it gets nothing. */
async function slowReader(slow: Slow, keep: number): Promise<{ feed: Feed<string>; reader: Served; fast: Served }> {
  const feed = feedOf(3, keep);
  const fanOut = new FanOut(feed, slow);
  const reader = serve(fanOut, 'a-3', null, open({ stream: smallStream() }));
  const fast = serve(fanOut, 'a-3');
  await turns();
  reader.stream.hold();
  for (const value of [LONG, '5', '6', '7', '8']) {
    publish(feed, value);
    await turns();
  }
  return { feed, reader, fast };
}

test('who falls behind is told of', async () => {
  using recorder = new Recorder('twobyte:feed:behind');
  const { feed, reader } = await slowReader('wait', 1000);
  assert.equal(recorder.take(), [['feed:behind', { feed, connection: reader.connection }]]);
});

test('slow: wait, it goes on where it was, while others are served', async () => {
  const { feed, reader, fast } = await slowReader('wait', 1000);
  assert.equal(sentBy(fast), ['@a-3', 'xxxxxxxxx', '5', '6', '7', '8']);
  reader.stream.release();
  await turns();
  publish(feed, '9');
  await turns();
  assert.equal(sentBy(reader), ['@a-3', 'xxxxxxxxx', '5', '6', '7', '8', '9']);
});

test('slow: wait, it is told what is no longer kept', async () => {
  const { feed, reader } = await slowReader('wait', 2);
  reader.stream.release();
  await turns();
  publish(feed, '9');
  await turns();
  assert.equal(sentBy(reader), ['@a-3', 'xxxxxxxxx', '7 missed 2', '8', '9']);
});

test('slow: latest, it gets the newest, and is told how many it missed', async () => {
  const { feed, reader } = await slowReader('latest', 2);
  reader.stream.release();
  await turns();
  publish(feed, '9');
  await turns();
  assert.equal(sentBy(reader), ['@a-3', 'xxxxxxxxx', '8 missed 3', '9']);
});

test('slow: close, with 1008', async () => {
  const { reader } = await slowReader('close', 1000);
  reader.stream.release();
  await turns();
  assert.equal(sentBy(reader), ['@a-3', 'xxxxxxxxx', 'close 1008']);
});

test('a reader with a filter that is slow goes on too', async () => {
  const feed = feedOf(0);
  const reader = serve(new FanOut(feed, 'wait'), 'now', (value) => value !== '3', open({ stream: smallStream() }));
  await turns();
  reader.stream.hold();
  publish(feed, LONG);
  await turns();
  publish(feed, '2', '3', '4');
  reader.stream.release();
  await turns();
  assert.equal(sentBy(reader), ['@a-0', 'xxxxxxxxx', '2', '4']);
});

/** A log that gives what was appended meanwhile in one batch, as after it was away. */
class GatheringLog extends MemoryLog<string> {
  #gathered: Update<string>[] | null = null;
  #give = (_: Batch<string>): void => {};

  gather(): void {
    this.#gathered = [];
  }

  give(): void {
    const updates = this.#gathered!;
    this.#gathered = null;
    this.#give({ place: updates.at(-1)!.id, updates });
  }

  override watch(take: (batch: Batch<string>) => void): () => void {
    this.#give = take;
    return super.watch((batch) => (this.#gathered === null ? take(batch) : void this.#gathered.push(...batch.updates)));
  }
}

test('more at once than is kept: everyone is told', async () => {
  const log = new GatheringLog(2, 'a');
  const feed = createFeed<string>({ log, keep: 2 });
  const fanOut = new FanOut(feed, 'wait');
  const reader = serve(fanOut, 'now');
  await turns();
  log.gather();
  publish(feed, '1', '2', '3', '4', '5');
  log.give();
  await turns();
  publish(feed, '6');
  await turns();
  assert.equal(sentBy(reader), ['@a-0', '4 missed 3', '5', '6']);
});

test('a filter decides for each reader, but what was missed everyone is told', async () => {
  const feed = feedOf(4, 2);
  const fanOut = new FanOut(feed, 'wait');
  const odd = serve(fanOut, 'a-1', (value) => Number(value) % 2 === 1);
  const even = serve(fanOut, 'a-1', (value) => Number(value) % 2 === 0);
  await turns();
  publish(feed, '5', '6');
  await turns();
  assert.equal([sentBy(odd), sentBy(even)], [['3 missed 1', '5'], ['@a-3 missed 1', '4', '6']]);
});

test('what a filter throws rejects, at first and later', async () => {
  const feed = feedOf(0);
  const fanOut = new FanOut(feed, 'wait');
  const bad = (): boolean => {
    throw new Error('bad filter');
  };
  const live = serve(fanOut, 'now', bad);
  await turns();
  publish(feed, '1');
  const late = serve(fanOut, 'all', bad);
  for (const { ended } of [live, late]) {
    await ended.then(() => assert.unreachable(), ({ message }: Error) => assert.is(message, 'bad filter'));
  }
});

test('silence is broken every 25 s by the place, which a filter may have hidden', async () => {
  using clock = new Clock(25_000);
  const feed = feedOf(1);
  const fanOut = new FanOut(feed, 'wait');
  const plain = serve(fanOut, 'now');
  const filtered = serve(fanOut, 'now', () => false);
  const full = serve(fanOut, 'now', null, open({ stream: smallStream() }));
  await turns();
  full.stream.hold();
  void full.connection.send(JSON.stringify({ id: 'a-0', value: LONG }));
  clock.advance(25_000);
  await turns();
  publish(feed, '2');
  clock.advance(25_000);
  await turns();
  clock.advance(25_000);
  await turns();
  assert.equal(sentBy(plain), ['@a-1', '@a-1', '2', '@a-2']);
  assert.equal(sentBy(filtered), ['@a-1', '@a-1', '@a-2', '@a-2']);
  assert.equal(sentBy(full), ['@a-1']);
  for (const { connection, ended } of [plain, filtered, full]) {
    connection.terminate();
    await ended;
  }
  assert.is(clock.timers, 0);
});

test('what a reader sends is dropped, and pings are answered', async () => {
  const feed = feedOf(0);
  const reader = serve(new FanOut(feed, 'wait'), 'now');
  await reader.receive('81 01 61 82 02 6162 89 00');
  assert.is(reader.connection.countMessages(), 0);
  await turns();
  assert.equal(decodeNaive(reader.stream.written).frames.map(({ opcode }) => opcode).sort(), [1, 10]);
});

test('while the log is away readers stay, and may leave', async () => {
  using clock = new Clock(500);
  const log = new RemoteLog();
  const feed = createFeed<string>({ log });
  const fanOut = new FanOut(feed, 'wait');
  log.isAway = true;
  const [staying, leaving] = [serve(fanOut), serve(fanOut)];
  await turns();
  leaving.connection.terminate();
  await leaving.ended;
  log.isAway = false;
  clock.advance(500);
  publish(feed, '1');
  await turns();
  assert.equal(sentBy(staying).at(-1), '1');
  log.isAway = true;
  const another = serve(fanOut);
  await turns();
  another.connection.terminate();
  await another.ended;
  clock.advance(500);
  await turns();
  assert.is(clock.timers, 0);
});

test('a log that fails for good ends all readers, and is told once until it goes on', async () => {
  const log = new RemoteLog();
  const feed = createFeed<string>({ log });
  const fanOut = new FanOut(feed, 'wait');
  const ends: string[] = [];
  /** Those that are told fail, as in a server; of the others only the connection is closed. */
  const open = (): Served[] => Array.from({ length: 3 }, () => {
    const served = serve(fanOut);
    served.ended.catch((error: Error) => {
      ends.push(error.message);
      served.connection.terminate();
    });
    return served;
  });
  const isOver = (readers: Served[]): boolean => readers.every((reader) => reader.connection.state !== 'open');
  const live = open();
  await turns();
  log.fail(new LogError('no permission'));
  await turns();
  const closed = ['@a-0', 'close 1011'];
  assert.equal([ends, live.map(sentBy)], [['no permission'], [['@a-0'], closed, closed]]);
  log.isAway = true;
  log.error = new LogError('no permission');
  const late = open();
  late[1]!.connection.terminate();
  await turns();
  assert.equal([ends.length, isOver([...live, ...late])], [1, true]);
  log.isAway = false;
  publish(feed, '1');
  await turns();
  const again = open();
  await turns();
  assert.equal(again.map(sentBy), [['1'], ['1'], ['1']]);
  log.fail(new LogError('no permission'));
  await turns();
  assert.equal([ends, isOver(again)], [['no permission', 'no permission'], true]);
});

test('the end of the feed closes with 1000, after the last update', async () => {
  const feed = feedOf(1);
  const fanOut = new FanOut(feed, 'wait');
  const readers = [serve(fanOut), serve(fanOut, 'now')];
  await turns();
  publish(feed, '2');
  feed.end();
  await turns();
  const late = serve(fanOut);
  await turns();
  const whole = ['1', '2', 'close 1000'];
  assert.equal([...readers, late].map(sentBy), [whole, ['@a-1', '2', 'close 1000'], whole]);
});

test('nothing is kept of a reader that has left, wherever it was, and the log is let go', async () => {
  using clock = new Clock(10_000);
  const log = new RemoteLog();
  const feed = createFeed<string>({ log });
  const fanOut = new FanOut(feed, 'wait');
  const live = serve(fanOut, 'now');
  await turns();
  const coming = serve(fanOut, 'now');
  const waiting = serve(fanOut, 'b-1');
  coming.connection.terminate();
  await turns();
  for (const { connection } of [live, waiting]) connection.terminate();
  await Promise.all([live.ended, coming.ended, waiting.ended]);
  const asked = log.asked.length;
  publish(feed, '1');
  await turns();
  assert.is(log.asked.length, asked);
  clock.advance(10_000);
  assert.is(log.asked.at(-1), 'unwatch');
});

test('the latest of several tells what comes before it', () => {
  const at = (id: string, missed?: number | 'unknown') => ({ id, value: 0, ...(missed !== undefined && { missed }) });
  assert.equal(latestOf([]), []);
  assert.equal(latestOf([at('a')]), [at('a')]);
  assert.equal(latestOf([at('a'), at('b'), at('c')]), [at('c', 2)]);
  assert.equal(latestOf([at('a', 3), at('b')]), [at('b', 4)]);
  assert.equal(latestOf([at('a', 'unknown'), at('b')]), [at('b', 'unknown')]);
});

test.run();
