// Event streams: the bytes of each event (HTML §9.2.6), what is refused, comments at first and in silence, and the end.
import { rejects } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { eventStream, type ServerSentEvent } from '../../src/feed/event-stream.js';
import { createFeed } from '../../src/feed/feed.js';
import { isPending, nextTurn } from '../connection/harness.js';
import { Clock } from '../support/clock.js';
import { RawClient } from '../support/peers/raw-client.js';
import { suite } from '../runner/suite.js';
import { countTimers, FIRST_COMMENT, gate, get, linesOf, serve, until, type Gate } from '../server/harness.js';

type Event = string | ServerSentEvent;

const COMMENT = { done: false, value: ':\n\n' };
const END = { done: true, value: undefined };

/** No more than so many milliseconds without a byte: trafficserver cuts after 30 s of silence. */
const LONGEST_GAP = 15_000;

async function* eventsOf(...events: Event[]): AsyncGenerator<Event> {
  yield* events;
}

function streamOf(events: AsyncIterable<Event>): AsyncIterator<string> {
  return (eventStream(events).body as AsyncIterable<string>)[Symbol.asyncIterator]();
}

/** All that is streamed after the comment at the beginning. */
async function collect(events: AsyncIterable<Event>): Promise<string> {
  const stream = streamOf(events);
  assert.equal(await stream.next(), COMMENT);
  let text = '';
  for (let next = await stream.next(); !next.done; next = await stream.next()) text += next.value;
  return text;
}

const bytes = suite('event stream: bytes');

const cases: readonly [name: string, event: Event, expected: string][] = [
  ['a string', 'hello', 'data: hello\n\n'],
  ['an empty string', '', 'data: \n\n'],
  ['data', { data: 'hello' }, 'data: hello\n\n'],
  ['a space in front is kept behind the one that is dropped', ' a', 'data:  a\n\n'],
  ['lines', 'a\nb', 'data: a\ndata: b\n\n'],
  ['CR LF and CR end a line too', 'a\r\nb\rc', 'data: a\ndata: b\ndata: c\n\n'],
  ['empty lines', '\na\n\n', 'data: \ndata: a\ndata: \ndata: \n\n'],
  ['a colon begins no comment within data', ':a', 'data: :a\n\n'],
  ['beyond ASCII', 'é你😀', 'data: é你😀\n\n'],
  ['all fields', { event: 'price', id: 'a1', retry: 3000, data: '7' },
    'event: price\nid: a1\nretry: 3000\ndata: 7\n\n'],
  ['a number as id', { id: 17, data: '' }, 'id: 17\ndata: \n\n'],
  ['an empty id forgets the last', { id: '', data: 'x' }, 'id: \ndata: x\n\n'],
  ['no data', { retry: 0 }, 'retry: 0\n\n'],
];

for (const [name, event, expected] of cases) {
  bytes(name, async () => {
    assert.is(await collect(eventsOf(event)), expected);
  });
}

bytes('one event after the other', async () => {
  assert.is(await collect(eventsOf('a', { data: 'b' }, 'c')), 'data: a\n\ndata: b\n\ndata: c\n\n');
});

bytes('the reply says what it is, that no cache may keep it, and that nginx may not gather it', () => {
  assert.equal(eventStream(eventsOf()).headers, {
    'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no',
  });
});

const wrong: readonly [name: string, event: ServerSentEvent, error: RegExp][] = [
  ['LF in id', { id: 'a\nb' }, /^TypeError: the id of an event is one line/],
  ['CR in id', { id: 'a\rb' }, /^TypeError: the id/],
  ['NUL in id', { id: 'a\0b' }, /^TypeError: the id/],
  ['LF in event', { event: 'a\n' }, /^TypeError: the event of an event is one line/],
  ['CR in event', { event: '\ra' }, /^TypeError: the event/],
  ['a negative retry', { retry: -1 }, /^RangeError: retry must be/],
  ['half a millisecond', { retry: 0.5 }, /^RangeError: retry must be/],
];

for (const [name, event, error] of wrong) {
  bytes(`${name} is refused`, async () => {
    await rejects(collect(eventsOf('fine', event)), error);
  });
}

bytes('NUL in data and in an event type may stand there', async () => {
  assert.is(await collect(eventsOf({ event: 'a\0', data: '\0' })), 'event: a\0\ndata: \0\n\n');
});

bytes.run();

/** A source whose events, end and failure come when the test says so; `returned` counts its `return`. */
class Source implements AsyncIterator<Event> {
  returned = 0;
  asked = 0;
  #news: Gate<IteratorResult<Event>> = gate();

  get events(): AsyncIterable<Event> {
    return { [Symbol.asyncIterator]: () => this };
  }

  next(): Promise<IteratorResult<Event>> {
    this.asked++;
    this.#news = gate();
    return this.#news.promise;
  }

  return(): Promise<IteratorResult<Event>> {
    this.returned++;
    return Promise.resolve({ done: true, value: undefined });
  }

  give(event: Event): void {
    this.#news.open({ done: false, value: event });
  }

  end(): void {
    this.#news.open({ done: true, value: undefined });
  }

  fail(error: Error): void {
    this.#news.fail(error);
  }
}

interface Opened extends Disposable {
  readonly clock: Clock;
  readonly source: Source;
  readonly stream: AsyncIterator<string>;
}

/** A stream of which the first comment has been read. */
async function open(): Promise<Opened> {
  const clock = new Clock();
  const source = new Source();
  const stream = streamOf(source.events);
  assert.equal(await stream.next(), COMMENT);
  return { clock, source, stream, [Symbol.dispose]: () => clock[Symbol.dispose]() };
}

const silence = suite('event stream: silence');

silence('a comment comes at once, before the source is asked', async () => {
  const source = new Source();
  const stream = streamOf(source.events);
  assert.equal(await stream.next(), COMMENT);
  assert.is(source.asked, 0);
  await stream.return!();
});

silence('without events comments come, none more than 15 s after the last byte, nor much sooner', async () => {
  using opened = await open();
  const { clock, stream } = opened;
  for (let round = 0; round < 3; round++) {
    const next = stream.next();
    clock.advance(10_000);
    assert.ok(await isPending(next));
    clock.advance(LONGEST_GAP - 10_000);
    assert.equal(await next, COMMENT);
  }
});

silence('15 s are counted from the last byte, be it of an event', async () => {
  using opened = await open();
  const { clock, source, stream } = opened;
  for (let round = 0; round < 3; round++) {
    const event = stream.next();
    clock.advance(13_000);
    source.give('a');
    assert.equal(await event, { done: false, value: 'data: a\n\n' });
  }
  const comment = stream.next();
  clock.advance(13_000);
  assert.ok(await isPending(comment));
  clock.advance(LONGEST_GAP - 13_000);
  assert.equal(await comment, COMMENT);
});

silence('a comment loses no event, and the source is asked once', async () => {
  using opened = await open();
  const { clock, source, stream } = opened;
  const comment = stream.next();
  clock.advance(LONGEST_GAP);
  assert.equal(await comment, COMMENT);
  const event = stream.next();
  source.give('a');
  assert.equal(await event, { done: false, value: 'data: a\n\n' });
  assert.is(source.asked, 1);
});

silence('an event that comes while nobody reads is kept', async () => {
  using opened = await open();
  const { clock, source, stream } = opened;
  const comment = stream.next();
  clock.advance(LONGEST_GAP);
  await comment;
  source.give('a');
  await nextTurn();
  // Who does not read gets no comments.
  clock.advance(10 * LONGEST_GAP);
  assert.equal(await stream.next(), { done: false, value: 'data: a\n\n' });
  const next = stream.next();
  clock.advance(LONGEST_GAP);
  assert.equal(await next, COMMENT);
});

silence('the end, a failure and a bad event stop the timer', async () => {
  const endings: readonly ((source: Source) => void)[] = [
    (source) => source.end(), (source) => source.fail(new Error('no more')), (source) => source.give({ id: '\n' }),
  ];
  for (const ending of endings) {
    using opened = await open();
    const { clock, source, stream } = opened;
    assert.is(clock.timers, 1);
    const next = stream.next().catch(() => END);
    ending(source);
    assert.equal(await next, END);
    assert.is(clock.timers, 0);
  }
});

silence('return ends it at once, though the source still waits', async () => {
  using opened = await open();
  const { clock, source, stream } = opened;
  const next = stream.next();
  assert.equal(await stream.return!(), END);
  assert.equal(await next, END);
  assert.equal([source.returned, clock.timers], [1, 0]);
});

silence('return before anything was asked for, of a source that has none', async () => {
  using clock = new Clock();
  const source = { next: () => Promise.reject(new Error('not to be asked')) };
  const stream = streamOf({ [Symbol.asyncIterator]: () => source });
  assert.equal(await stream.return!(), END);
  assert.is(clock.timers, 0);
});

silence('its timer keeps no process alive', async () => {
  const timers = countTimers();
  const stream = streamOf(new Source().events);
  await stream.next();
  assert.is(countTimers(), timers);
  await stream.return!();
});

silence.run();

const served = suite('event stream: over a socket');

served('events reach the client as they come, and the feed is let go when it leaves', async () => {
  const feed = createFeed<string>({ life: 'a' });
  const left = gate();
  await using server = await serve({
    '/news/': ({ signal, headers }) => {
      signal.addEventListener('abort', () => left.open());
      return eventStream(events(headers.get('last-event-id')!, signal));
    },
  });
  async function* events(after: string, signal: AbortSignal): AsyncGenerator<ServerSentEvent> {
    for await (const { id, value } of feed.from(after, { signal })) yield { id, data: value };
  }
  void feed.publish('a');
  void feed.publish('b');
  await using client = await RawClient.connect(server.port);
  client.write(get('/news/', 'Last-Event-ID: a-1'));
  const head = (await client.readUntil('\r\n\r\n')).toString();
  assert.equal(linesOf({ head, status: 200, reason: '', headers: new Map(), body: Buffer.alloc(0) }), [
    'HTTP/1.1 200 OK', 'Content-Type: text/event-stream', 'Cache-Control: no-store', 'X-Accel-Buffering: no',
    'Transfer-Encoding: chunked',
  ]);
  assert.is((await client.readUntil('\n\n\r\n')).toString(), FIRST_COMMENT);
  assert.is((await client.readUntil('\n\n\r\n')).toString(), '11\r\nid: a-2\ndata: b\n\n\r\n');
  void feed.publish('c');
  assert.is((await client.readUntil('\n\n\r\n')).toString(), '11\r\nid: a-3\ndata: c\n\n\r\n');
  client.socket.destroy();
  await left.promise;
  await until('the server has let go', () => client.socket.closed);
});

served.run();
