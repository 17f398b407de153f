// A stream of NATS: made once by whomever, asked only when it is there, and read by a consumer without a gap.
import { rejects } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { natsLog } from '../../src/feed/nats.js';
import { suite } from '../runner/suite.js';
import { until } from '../server/harness.js';
import { Clock } from '../support/clock.js';
import { FakeNats, NO_STREAM } from './fake-nats.js';

const test = suite('nats stream');

async function natsWith(...values: number[]): Promise<FakeNats> {
  const nats = new FakeNats();
  for (const value of values) await natsLog(nats, 'a').append(value);
  return nats;
}

async function valuesOf(nats: FakeNats, limit = 99): Promise<unknown[]> {
  return (await natsLog(nats, 'a').read('all', limit)).updates.map(({ value }) => value);
}

test('many that publish at once make it once, in their order', async () => {
  const nats = new FakeNats();
  const log = natsLog(nats, 'a');
  const places = await Promise.all([1, 2, 3].map((value) => log.append(value)));
  assert.equal(places.map((place) => place.split('-')[1]), ['1', '2', '3']);
  const [asked, made, ...published] = nats.asked.map((text) => text.split(' '));
  assert.equal([asked![0], made![0]], ['$JS.API.STREAM.INFO.a', '$JS.API.STREAM.CREATE.a']);
  assert.equal(published.map((words) => words.at(-1)), ['j1', 'j2', 'j3']);
});

test('one that another process has made meanwhile is taken as it is', async () => {
  const refusal = { code: 400, err_code: 10058, description: 'stream name already in use' };
  const nats = new FakeNats();
  const other = { subjects: ['a', 'b'], max_msgs_per_subject: 5, republish: { src: '>', dest: 'twobyte.>' } };
  nats.answer = (subject) => {
    if (!subject.includes('CREATE')) return;
    nats.streams.set('a', { created: '2020-01-01T00:00:00.123456789Z', messages: [], last: 0, config: other });
    return { error: refusal };
  };
  assert.match(await natsLog(nats, 'a').append(1), `${Date.UTC(2020, 0, 1, 0, 0, 0, 123).toString(36)}-1-`);
  nats.streams.clear();
  const refused = new FakeNats();
  refused.answer = (subject) => (subject.includes('CREATE') ? { error: refusal } : undefined);
  await rejects(natsLog(refused, 'a').append(1), { name: 'LogError', message: /stream name already in use/ });
  // What may pass is tried again.
  using clock = new Clock(250);
  const busy = new FakeNats();
  busy.answer = (subject) => (subject.includes('CREATE') ? { error: { ...refusal, code: 503 } } : undefined);
  const appended = natsLog(busy, 'a').append(1);
  await until('it waits', () => clock.timers === 1);
  busy.answer = () => undefined;
  clock.advance(250);
  await appended;
});

test('it is not asked for a message before there was one: NATS 2.9 would die if it is just being made', async () => {
  const nats = await natsWith();
  const log = natsLog(nats, 'a');
  await log.read('all', 9);
  nats.streams.set('a', { created: '2020-01-01T00:00:00Z', messages: [], last: 0,
    config: { subjects: ['a'], max_msgs_per_subject: 5, republish: { src: '>', dest: 'twobyte.>' } } });
  await log.read('all', 9);
  assert.equal(nats.asked.filter((text) => !text.startsWith('$JS.API.STREAM.INFO.a ')), []);
  await log.append(1);
  assert.equal(await valuesOf(nats), [1]);
  nats.streams.clear();
  const { length } = nats.asked;
  // Once it knows that it has gone, it asks whether it is there again.
  for (let count = 0; count < 2; count++) assert.equal(await valuesOf(nats), []);
  assert.is(nats.asked.slice(length).filter((text) => text.includes('MSG.GET')).length, 1);
});

test('a message without data is none of the log', async () => {
  const nats = await natsWith(1);
  nats.answer = (subject) => (subject.includes('MSG.GET') ? { message: { subject: 'a', seq: 1 } } : undefined);
  await rejects(valuesOf(nats), { name: 'LogError', message: /^natsLog has not written the message 1 of "a"/ });
});

test('the first two are asked for, and a consumer gives the others, in the words of old and new versions', async () => {
  for (const ack of ['$JS.ACK', '$JS.ACK.hub.AbC1']) {
    const nats = await natsWith(1, 2, 3, 4);
    nats.ack = ack;
    const read = [await valuesOf(nats), await valuesOf(nats, 3), await valuesOf(nats, 2)];
    assert.equal(read, [[1, 2, 3, 4], [1, 2, 3], [1, 2]]);
    const config = nats.asked.filter((text) => text.startsWith('$JS.API.CONSUMER.CREATE.a ')).map((text) => {
      return (JSON.parse(text.slice(text.indexOf(' '))) as { config: Record<string, unknown> }).config;
    })[0]!;
    const inbox = String(config['deliver_subject']);
    assert.match(inbox, /^_INBOX\.\w{16}$/);
    assert.equal(config, {
      deliver_policy: 'by_start_sequence', opt_start_seq: 3, filter_subject: 'a', ack_policy: 'explicit',
      max_ack_pending: 97, max_deliver: 1, inactive_threshold: 1e9, mem_storage: true, num_replicas: 1,
      deliver_subject: inbox,
    });
    assert.is(nats.subscriptions.size, 0);
  }
});

test('an inbox begins as the connection has it', async () => {
  const nats = await natsWith(1, 2, 3);
  nats.options.inboxPrefix = 'mine';
  await valuesOf(nats);
  assert.match(nats.asked.find((text) => text.includes('CONSUMER'))!, /"deliver_subject":"mine\.\w{16}"/);
  Object.assign(nats, { options: undefined });
  await valuesOf(nats);
  assert.match(nats.asked.findLast((text) => text.includes('CONSUMER'))!, /"deliver_subject":"_INBOX\.\w{16}"/);
});

/** Lets consumers give these messages, as number in the stream, number for the consumer, how many are left. */
function give(nats: FakeNats, ...messages: [sequence: number, count: number, pending: number][]): void {
  nats.answer = (subject, payload) => {
    if (!subject.includes('CONSUMER')) return;
    const inbox = /"deliver_subject":"(.*?)"/.exec(payload)![1]!;
    queueMicrotask(() => {
      for (const [sequence, count, pending] of messages) {
        const reply = `$JS.ACK.a.consumer.1.${sequence}.${count}.0.${pending}`;
        nats.deliver(inbox, null, `life tag j${sequence}`, { reply });
      }
    });
    return { num_pending: messages.length };
  };
}

test('what a consumer gives ends before a gap, at the last that is known, or with nothing left', async () => {
  const nats = await natsWith(1, 2, 3, 4, 5, 6);
  const cases: [messages: [number, number, number][], values: number[]][] = [
    [[[3, 1, 3], [5, 3, 1]], [1, 2, 3]], [[[3, 1, 3], [4, 2, 2], [5, 3, 1], [6, 4, 1]], [1, 2, 3, 4, 5, 6]],
    [[[3, 1, 1], [4, 2, 0]], [1, 2, 3, 4]], [[], [1, 2]],
  ];
  for (const [messages, values] of cases) {
    give(nats, ...messages);
    const { updates } = await natsLog(nats, 'a').read('all', 9);
    assert.equal(updates.map(({ value }) => value), values);
  }
});

test('a consumer that is refused, or gives nothing, is an error', async () => {
  const nats = await natsWith(1, 2, 3);
  const subscribe = nats.subscribe.bind(nats);
  nats.subscribe = (subject, options) => {
    queueMicrotask(() => options!.callback!(new Error('Permissions Violation for Subscription to "_INBOX"'), null!));
    return subscribe(subject, options);
  };
  await rejects(valuesOf(nats), { name: 'LogError', message: /Permissions Violation for Subscription to "_INBOX"/ });
  nats.subscribe = subscribe;
  nats.answer = (subject) => {
    const error = { code: 400, err_code: 1, description: 'no consumers' };
    return subject.includes('CONSUMER') ? { error } : undefined;
  };
  await rejects(valuesOf(nats), { name: 'LogError', message: /no consumers/ });
  using clock = new Clock(5000);
  nats.answer = (subject) => (subject.includes('CONSUMER') ? { num_pending: 1 } : undefined);
  const read = rejects(valuesOf(nats), { name: 'Error', message: 'NATS does not answer' });
  await until('it waits', () => clock.timers === 1);
  clock.advance(5000);
  await read;
  // The stream has just gone.
  nats.answer = (subject) => (subject.includes('CONSUMER') ? { error: NO_STREAM } : undefined);
  assert.equal(await valuesOf(nats), [1, 2]);
});

test.run();
