// The log in NATS without a server: what it asks, and what it makes of what may come. The rest is tested in interop.
import { rejects, throws } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { checkLog } from '../../src/feed/check-log.js';
import type { Batch, Log } from '../../src/feed/log.js';
import { natsLog, type NatsConnection, type NatsLogOptions } from '../../src/feed/nats.js';
import { suite } from '../runner/suite.js';
import { until } from '../server/harness.js';
import { FakeNats } from './fake-nats.js';

const test = suite('nats log');

function logOf(nats: NatsConnection, subject: string, options?: NatsLogOptions): Log<number | string> {
  return natsLog<number | string>(nats, subject, options);
}

/** What a log has of a place: values, and what is missed. */
async function valuesOf(log: Log<number | string>, place: string, limit = 99): Promise<string> {
  const { updates } = await log.read(place, limit);
  return updates.map(({ value, missed }) => (missed === undefined ? value : `${value} missed ${missed}`)).join(', ');
}

async function append(log: Log<number | string>, ...values: number[]): Promise<string> {
  let place = '';
  for (const value of values) place = await log.append(value);
  return place;
}

/** All that a log tells who watches it. */
function watch(log: Log<number | string>): { batches: Batch[]; errors: string[]; stop: () => void } {
  const batches: Batch[] = [];
  const errors: string[] = [];
  const stop = log.watch((batch) => batches.push(batch), ({ message }) => errors.push(message));
  return { batches, errors, stop };
}

test('something else than a connection is refused', () => {
  throws(() => natsLog({} as NatsConnection, 'a'), { name: 'TypeError', message: /^the connection of natsLog is/ });
});

test('a subject that is none, or one of NATS itself, is refused', () => {
  for (const subject of ['', '.', 'a.', '.a', 'a..b', 'a b', 'a.*', 'a.>', 'a\n', '$JS.API.INFO', '\u0000']) {
    throws(() => natsLog(new FakeNats(), subject), { name: 'TypeError', message: / is no subject: / }, subject);
  }
  for (const subject of ['a', 'rooms.42', 'räume.ü-1', 'a$']) natsLog(new FakeNats(), subject);
});

test('options that are none, or out of range, are refused', () => {
  for (const options of [{ keep: 0 }, { keep: 1.5 }, { wait: -1 }, { wait: Infinity }]) {
    throws(() => natsLog(new FakeNats(), 'a', options), { name: 'RangeError' });
  }
  throws(() => natsLog(new FakeNats(), 'a', { kept: 1 } as object), { name: 'TypeError', message: /kept/ });
});

test('it does what a log must, alone in its stream and among others', async () => {
  const nats = new FakeNats();
  await checkLog(logOf(nats, 'alone', { keep: 100 }));
  await append(logOf(nats, 'rooms.1', { keep: 100 }), 1);
  await checkLog(logOf(nats, 'rooms.2', { keep: 100 }));
  assert.equal(nats.subscriptions.size, 0);
});

test('the stream that it makes is that of the first word, and of the options', async () => {
  const nats = new FakeNats();
  await append(logOf(nats, 'prices'), 1);
  await append(logOf(nats, 'rooms.a.b', { keep: 7 }), 1);
  const stream = { name: 'HALLS', num_replicas: 3, subjects: ['halls.*', 'x', 'halls.1'] };
  await append(logOf(nats, 'halls.1', { stream }), 1);
  const made = nats.asked.filter((text) => text.includes('.CREATE.')).map((text) => {
    return [text.slice(0, text.indexOf(' ')), JSON.parse(text.slice(text.indexOf(' '))) as unknown];
  });
  const republish = { src: '>', dest: 'twobyte.>' };
  assert.equal(made, [
    ['$JS.API.STREAM.CREATE.prices',
      { discard: 'old', subjects: ['prices'], max_msgs_per_subject: 1000, name: 'prices', republish }],
    ['$JS.API.STREAM.CREATE.rooms',
      { discard: 'old', subjects: ['rooms.>'], max_msgs_per_subject: 7, name: 'rooms', republish }],
    ['$JS.API.STREAM.CREATE.HALLS',
      { discard: 'old', subjects: ['halls.*', 'x', 'halls.1'], max_msgs_per_subject: 1000, name: 'HALLS',
        num_replicas: 3, republish }],
  ]);
});

/** The life of the first stream that a fake makes. */
const LIFE = (1e12).toString(36);

test('an update is published with the life of the stream and a tag, and named by both and its number', async () => {
  const nats = new FakeNats();
  const log = logOf(nats, 'a');
  const places = [await log.append('x'), await log.append('y')];
  const tags = places.map((place) => /-(\w{9,})$/.exec(place)![1]!);
  assert.is.not(tags[0], tags[1]);
  assert.equal(places, [`${LIFE}-1-${tags[0]}`, `${LIFE}-2-${tags[1]}`]);
  const published = nats.asked.filter((text) => text.startsWith('a '));
  assert.equal(published, [`a ${LIFE} ${tags[0]} j"x"`, `a ${LIFE} ${tags[1]} j"y"`]);
});

test('what is trimmed is counted alone in a stream, and told among others', async () => {
  const nats = new FakeNats();
  const alone = logOf(nats, 'alone', { keep: 3 });
  const first = await append(alone, 1);
  await append(alone, 2, 3);
  assert.equal([await valuesOf(alone, first), await valuesOf(alone, first, 1)], ['2, 3', '2']);
  await append(alone, 4, 5, 6, 7);
  assert.is(await valuesOf(alone, first), '5 missed 3, 6, 7');
  assert.is(await valuesOf(alone, first, 2), '5 missed 3, 6');
  assert.is(await valuesOf(alone, first.replace(LIFE, 'other')), '5 missed unknown, 6, 7');
  const room = logOf(nats, 'rooms.1', { keep: 3 });
  const other = logOf(nats, 'rooms.2', { keep: 3 });
  await append(other, 1, 2);
  const { place: empty } = await room.read('now', 1);
  assert.match(empty, /^\w+-2-0$/);
  const start = await append(room, 1);
  await append(other, 3, 4, 5);
  await append(room, 2);
  // The numbers in between are those of the other.
  assert.equal([await valuesOf(room, start), await valuesOf(room, empty)], ['2', '1, 2']);
  await append(room, 3, 4);
  for (const place of [start, empty]) assert.is(await valuesOf(room, place), '2 missed unknown, 3, 4');
});

test('a place before there was a stream, or after all that was trimmed, is before all that comes', async () => {
  const nats = new FakeNats();
  const log = logOf(nats, 'rooms.1', { keep: 2 });
  for (const word of ['all', 'latest', 'now']) assert.equal(await log.read(word, 9), { place: '0-0-0', updates: [] });
  assert.equal(await log.read('unknown', 9), { place: 'unknown', updates: [] });
  await append(log, 1);
  assert.is(await valuesOf(log, '0-0-0'), '1');
  // As many as are kept: there may have been more.
  await append(log, 2);
  assert.is(await valuesOf(log, '0-0-0'), '1 missed unknown, 2');
  await append(log, 3);
  assert.is(await valuesOf(log, '0-0-0'), '2 missed unknown, 3');
  // An administrator's `nats stream purge`.
  nats.streams.get('rooms')!.messages = [];
  const { place } = await log.read('all', 9);
  assert.is(place, `${LIFE}-3-0`);
  await append(log, 4);
  assert.is(await valuesOf(log, place), '4');
  assert.is(await valuesOf(log, `${LIFE}-2-0`), '4 missed unknown');
});

test('without a limit of the stream, nothing is trimmed', async () => {
  const nats = new FakeNats();
  const log = logOf(nats, 'rooms.1', { stream: { max_msgs_per_subject: -1 } });
  const { place } = await log.read('now', 9);
  await append(log, 1, 2, 3);
  assert.is(await valuesOf(log, place), '1, 2, 3');
  assert.is(await valuesOf(log, place, 1), '1');
});

test('a number that NATS has lost, and uses again, is not taken for the same place', async () => {
  const nats = new FakeNats();
  const log = logOf(nats, 'a');
  const [, two, three] = [await append(log, 1), await append(log, 2), await append(log, 3)];
  const stream = nats.streams.get('a')!;
  stream.messages.splice(1);
  stream.last = 1;
  assert.is(await valuesOf(log, two), '1 missed unknown');
  await append(log, 4);
  assert.equal([await valuesOf(log, two), await valuesOf(log, three)], ['1 missed unknown, 4', '1 missed unknown, 4']);
});

test('what came or was trimmed while the log was being read is not lost', async () => {
  const nats = new FakeNats();
  const log = logOf(nats, 'a', { keep: 3 });
  const first = await append(log, 1);
  /** Once, when that is asked, others publish before it is answered. */
  const meanwhile = (what: string, ...values: number[]): void => {
    nats.answer = async (subject, payload) => {
      if (!`${subject} ${payload}`.includes(what)) return;
      nats.answer = () => undefined;
      await append(log, ...values);
    };
  };
  await append(log, 2, 3);
  // It reads 1 to 3, and before it can see that nothing is missing in between, 1 and 2 are trimmed.
  meanwhile('{"seq":1}', 4, 5);
  assert.is(await valuesOf(log, first), '3 missed 1');
  // The same with all that it has read.
  meanwhile('{"seq":3}', 6, 7, 8);
  assert.is(await valuesOf(log, 'all'), '6');
  const empty = logOf(nats, 'b.1');
  await append(empty, 1);
  nats.streams.get('b')!.messages.length = 0;
  // One comes after it has seen that there is none, before it has seen where the stream ends.
  let count = 0;
  nats.answer = async (subject) => {
    if (subject.endsWith('STREAM.INFO.b') && ++count === 2) await empty.append(2);
  };
  assert.is(await valuesOf(empty, 'latest'), '2');
});

test('a stream that was purged while it was read has nothing', async () => {
  const nats = new FakeNats();
  const log = logOf(nats, 'a');
  const first = await append(log, 1);
  await append(log, 2, 3);
  const purge = (what: string): void => {
    nats.answer = (subject, payload) => {
      if (`${subject} ${payload}`.includes(what)) nats.streams.get('a')!.messages.length = 0;
    };
  };
  purge('{"seq":1}');
  assert.equal(await log.read('all', 9), { place: 'all', updates: [] });
  nats.answer = () => undefined;
  await append(log, 4, 5);
  purge('{"seq":1,');
  assert.equal(await log.read(first, 9), { place: first, updates: [] });
});

test('a message that the log has not written is an error that says which', async () => {
  for (const text of ['hello', 'a b', `${LIFE} tag`, `${LIFE} tag x`, `${LIFE} tag j{`, 'A B j1']) {
    const nats = new FakeNats();
    const log = logOf(nats, 'a');
    await append(log, 1);
    nats.publish('a', text);
    await rejects(async () => log.read('latest', 9), {
      name: 'LogError', message: 'natsLog has not written the message 2 of "a": take another subject, or delete it',
    }, text);
  }
});

test('what is told next is given without asking, and all else is read', async () => {
  const nats = new FakeNats();
  const log = logOf(nats, 'rooms.1', { keep: 2 });
  await append(logOf(nats, 'rooms.2'), 1);
  const { batches, errors, stop } = watch(log);
  await until('it has said its place', () => batches.length === 1);
  assert.equal(batches[0], { place: `${LIFE}-1-0`, updates: [] });
  const asked = (): number => nats.asked.filter((text) => text.includes('MSG.GET')).length;
  const before = asked();
  const places = [await append(log, 1), await append(log, 2)];
  assert.equal(batches.slice(1), places.map((id, index) => ({ place: id, updates: [{ id, value: index + 1 }] })));
  assert.is(asked(), before);
  const [, last] = batches.at(-1)!.place.split('-').map(Number) as [number, number];
  const wrong: [sequence: number, previous: number, text: string][] = [
    [last + 1, last - 1, `${LIFE} x j3`], [last + 1, last, 'other x j3'], [last + 1, last, 'hello'],
    [last + 1, last, `${LIFE} x j{`], [NaN, NaN, `${LIFE} x j3`],
  ];
  for (const [sequence, previous, text] of wrong) {
    const count = asked();
    nats.told('rooms.1', sequence, previous, text);
    await until('it reads', () => asked() > count);
    await until('it has read', () => !nats.isAsked);
  }
  nats.deliver('twobyte.rooms.1', null, `${LIFE} x j3`);
  await until('it has read', () => !nats.isAsked);
  assert.equal([batches.length, errors], [3, []]);
  nats.isTelling = false;
  await append(log, 3);
  nats.isTelling = true;
  await append(log, 4);
  await until('it has read', () => batches.flatMap(({ updates }) => updates).length === 4);
  stop();
  await append(log, 5);
  assert.equal(batches.flatMap(({ updates }) => updates.map(({ value }) => value)), [1, 2, 3, 4]);
});

test('what comes before a place of nothing is not next', async () => {
  const nats = new FakeNats();
  const log = logOf(nats, 'rooms.1');
  const first = watch(log);
  await until('it has said its place', () => first.batches.length === 1);
  assert.equal(first.batches, [{ place: '0-0-0', updates: [] }]);
  nats.told('rooms.1', 3, 2, `${LIFE} x j3`);
  await until('it has read', () => !nats.isAsked);
  assert.is(first.batches.length, 1);
  nats.told('rooms.1', 0, 0, `${LIFE} x j3`);
  await until('it has read', () => !nats.isAsked);
  assert.is(first.batches.length, 1);
  nats.told('rooms.1', 3, 0, `${LIFE} x j3`);
  assert.equal(first.batches[1], { place: `${LIFE}-3-x`, updates: [{ id: `${LIFE}-3-x`, value: 3 }] });
  first.stop();
});

test('a stream that tells nothing is told to readers and publishers', async () => {
  const nats = new FakeNats();
  nats.streams.set('a', { created: '2020-01-01T00:00:00Z', messages: [], last: 0,
    config: { subjects: ['a'], max_msgs_per_subject: -1, republish: { src: '>', dest: 'elsewhere.>' } } });
  const log = logOf(nats, 'a');
  const { errors, stop } = watch(log);
  await until('it is told', () => errors.length === 1);
  const silent = natsLog(nats, 'a', { stream: { name: 'B' } });
  nats.streams.set('B', { created: '2020-01-01T00:00:00Z', messages: [], last: 0,
    config: { subjects: ['b'], max_msgs_per_subject: -1 } });
  for (const republish of [null, { src: 'b', dest: 'twobyte.>' }]) {
    if (republish !== null) Object.assign(nats.streams.get('B')!.config, { republish });
    await rejects(silent.append(1), { name: 'LogError', message: /^the stream B tells natsLog nothing/ });
  }
  const message = 'the stream a tells natsLog nothing: nats stream edit a '
    + "--republish-source '>' --republish-destination 'twobyte.>'";
  assert.equal(errors, [message]);
  await rejects(log.append(1), { name: 'LogError', message });
  stop();
});

test.run();
