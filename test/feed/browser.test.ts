// The reader of a feed: what it makes of each message, of failures, of silence; and that the module is small.
import { rejects } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { createFollow, follow, type FollowOptions, type FollowState } from '../../src/feed/browser.js';
import type { Update } from '../../src/feed/log.js';
import { serveFeed } from '../../src/feed/serve-feed.js';
import { suite } from '../runner/suite.js';
import { countTimers, nextTurn, serve, until, type Served } from '../server/harness.js';
import { feedOf, valuesOf } from './harness.js';

type Message = string | Uint8Array | null | 'silence' | Error;

/** A `follow` whose WebSockets bring these messages, one list for each; it notes the URLs. */
function scripted(...scripts: Message[][]): { follow: typeof follow; urls: string[] } {
  const urls: string[] = [];
  const follow = createFollow(async function* (url, headers, signal) {
    urls.push(url.href + JSON.stringify(headers));
    for (const message of scripts.shift() ?? ['silence']) {
      if (message instanceof Error) throw message;
      if (message !== 'silence') yield message;
      else await new Promise((resolve) => signal.addEventListener('abort', resolve));
    }
  });
  return { follow, urls };
}

/** Fast, and with nothing but WebSockets. */
const FAST: FollowOptions = { transports: ['websocket'], minDelay: 1, maxDelay: 2 };

async function take(updates: AsyncIterable<Update>, count: number): Promise<Update[]> {
  const taken: Update[] = [];
  for await (const update of updates) if (taken.push(update) === count) break;
  return taken;
}

const reading = suite('follow: what it reads');

reading('JSON, bytes of both kinds, marks and signs of life', async () => {
  const { follow } = scripted([
    null, '{"id":"a-0"}', '{"id":"a-1","value":{"b":1}}', Buffer.from('a-2\nx\ny'), Buffer.from('a-9 6\n'),
    Buffer.from('b-1 unknown\nz'), '{"id":"b-2","base64":"AP8="}', '{"id":"b-3","value":null}',
  ]);
  assert.equal(await take(follow('ws://x/', FAST), 6), [
    { id: 'a-1', value: { b: 1 } },
    { id: 'a-2', value: Buffer.from('x\ny') },
    { id: 'a-9', value: Buffer.from(''), missed: 6 },
    { id: 'b-1', value: Buffer.from('z'), missed: 'unknown' },
    { id: 'b-2', value: Uint8Array.of(0, 255) },
    { id: 'b-3', value: null },
  ]);
});

reading('it goes on after the last id or mark, and takes nothing twice', async () => {
  const { follow, urls } = scripted(
    ['{"id":"a-1","value":1}'], ['{"id":"a-1","missed":"unknown","value":1}', '{"id":"a-2","value":2}'], [],
    ['{"id":"a-5"}'], ['{"id":"a-6","value":6}'],
  );
  const updates = await take(follow('http://x/?b=1', { ...FAST, after: 'a-0' }), 3);
  assert.equal(updates, [{ id: 'a-1', value: 1 }, { id: 'a-2', value: 2, missed: 'unknown' }, { id: 'a-6', value: 6 }]);
  assert.equal(urls, ['a-0', 'a-1', 'a-2', 'a-2', 'a-5'].map((id) => `http://x/?b=1&after=${id}{}`));
});

reading('of many ids, the last thousand are remembered', async () => {
  const many = Array.from({ length: 1500 }, (_, index) => `{"id":"a-${index}","value":${index}}`);
  const { follow } = scripted(many, [many[400]!, many[600]!], ['{"id":"b-1","value":"end"}']);
  const values = valuesOf(await take(follow('ws://x/', FAST), 1502));
  assert.equal(values.slice(1498), [1498, 1499, 400, 'end']);
});

reading('URL and headers are asked for before each attempt', async () => {
  const { follow, urls } = scripted([], ['{"id":"a-1","value":1}']);
  let count = 0;
  const options = { ...FAST, headers: async () => ({ token: String(++count) }) };
  await take(follow(() => `ws://x/${count}`, options), 1);
  assert.equal(urls, ['ws://x/0{"token":"1"}', 'ws://x/1{"token":"2"}']);
});

reading('a page gives a path', async () => {
  Object.assign(globalThis, { location: { href: 'http://x/page' } });
  try {
    const { follow, urls } = scripted(['{"id":"a-1","value":1}']);
    await take(follow('/feed', FAST), 1);
    assert.equal(urls, ['http://x/feed{}']);
  } finally {
    Reflect.deleteProperty(globalThis, 'location');
  }
});

reading.run();

const faring = suite('follow: how it fares');

/** What `onChange` was told, without delays. */
function noted(): { states: string[]; onChange: (state: FollowState) => void } {
  const states: string[] = [];
  return {
    states,
    onChange: ({ state, transport, error }) => {
      states.push(`${transport} ${state}${error === undefined ? '' : `: ${(error as Error).message}`}`);
    },
  };
}

faring('it tells each step', async () => {
  const { follow } = scripted([new Error('no')], ['{"id":"a-1","value":1}']);
  const { states, onChange } = noted();
  await take(follow('ws://x/', { ...FAST, onChange }), 1);
  assert.equal(states, [
    'websocket connecting', 'websocket waiting: no', 'websocket connecting', 'websocket open', 'websocket closed',
  ]);
});

faring('pauses grow, half of them random, until a connection has lasted', async () => {
  const delays: number[] = [];
  const { follow } = scripted([], [], [], ['{"id":"a-0"}'], ['{"id":"a-1","value":1}']);
  const onChange = ({ delay }: FollowState): void => void (delay !== undefined && delays.push(delay));
  await take(follow('ws://x/', { transports: ['websocket'], minDelay: 4, maxDelay: 16, onChange }), 1);
  [4, 8, 16, 16].forEach((longest, index) => {
    assert.ok(delays[index]! >= longest / 2 && delays[index]! <= longest, `${delays[index]} ${longest}`);
  });
});

faring('a silent server is left', async () => {
  const { follow } = scripted(['silence'], ['{"id":"a-0"}', 'silence'], ['{"id":"a-1","value":1}']);
  const { states, onChange } = noted();
  await take(follow('ws://x/', { ...FAST, openTimeout: 1, silenceTimeout: 1, onChange }), 1);
  assert.is(states.filter((state) => state === 'websocket waiting').length, 2);
});

faring('an abort ends it with the reason, wherever it is, and leaves nothing', async () => {
  const timers = countTimers();
  const moments: [Message[], FollowState['state'], FollowOptions][] = [
    [['silence'], 'connecting', {}],
    [['{"id":"a-0"}', 'silence'], 'open', {}],
    [[], 'waiting', { minDelay: 60_000, maxDelay: 60_000 }],
  ];
  for (const [script, moment, options] of moments) {
    const controller = new AbortController();
    const onChange = ({ state }: FollowState): void => {
      if (state === moment) setImmediate(() => controller.abort(new Error('enough')));
    };
    const { follow } = scripted(script);
    await rejects(take(follow('ws://x/', { ...FAST, ...options, onChange, signal: controller.signal }), 1), /enough/);
  }
  const { follow } = scripted(['{"id":"a-1","value":1}', '{"id":"a-2","value":2}', 'silence']);
  const controller = new AbortController();
  const updates = follow('ws://x/', { ...FAST, signal: controller.signal });
  await updates.next();
  controller.abort(new Error('enough'));
  await rejects(updates.next(), /enough/);
  assert.is(countTimers(), timers);
});

faring('a page that was left is disconnected, and goes on when it is shown again', async () => {
  const events = new EventTarget();
  const { addEventListener, removeEventListener } = globalThis as unknown as EventTarget;
  Object.assign(globalThis, {
    addEventListener: events.addEventListener.bind(events),
    removeEventListener: events.removeEventListener.bind(events),
  });
  // The module has looked at `globalThis` itself, not at its functions.
  const { follow, urls } = scripted(['{"id":"a-1","value":1}', 'silence'], ['{"id":"a-2","value":2}']);
  try {
    const updates = follow('ws://x/', FAST);
    await updates.next();
    const second = updates.next();
    await nextTurn();
    events.dispatchEvent(new Event('pagehide'));
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.is(urls.length, 1);
    events.dispatchEvent(new Event('pageshow'));
    assert.equal((await second).value, { id: 'a-2', value: 2 });
    await updates.return();
  } finally {
    Object.assign(globalThis, { addEventListener, removeEventListener });
  }
});

faring.run();

const transports = suite('follow: transports of a browser');

/** A browser's WebSocket, of which the test is the server. */
class FakeWebSocket {
  static last: FakeWebSocket;
  readonly url: string;
  binaryType = '';
  isClosed = false;
  onmessage!: (event: { data: unknown }) => void;
  onclose!: () => void;
  onerror!: () => void;

  constructor(url: URL) {
    this.url = url.href;
    FakeWebSocket.last = this;
  }

  close(): void {
    this.isClosed = true;
  }
}

const { WebSocket } = globalThis as { WebSocket?: unknown };
transports.before.each(() => void Object.assign(globalThis, { WebSocket: FakeWebSocket }));
transports.after.each(() => void Object.assign(globalThis, { WebSocket }));

/** The next socket that is opened. */
async function nextSocket(): Promise<FakeWebSocket> {
  const { last } = FakeWebSocket;
  await until('a socket is opened', () => FakeWebSocket.last !== last);
  return FakeWebSocket.last;
}

transports('a WebSocket: its messages, its close, and an error without a close', async () => {
  const updates = follow('http://127.0.0.1/feed', FAST);
  const first = updates.next();
  const socket = await nextSocket();
  assert.equal([socket.url, socket.binaryType], ['ws://127.0.0.1/feed', 'arraybuffer']);
  socket.onmessage({ data: '{"id":"a-1","value":1}' });
  socket.onmessage({ data: new Uint8Array(Buffer.from('a-2\nx')).buffer });
  socket.onclose();
  assert.equal((await first).value, { id: 'a-1', value: 1 });
  assert.equal((await updates.next()).value, { id: 'a-2', value: Uint8Array.of(120) });
  const third = updates.next();
  const second = await nextSocket();
  assert.ok(socket.isClosed);
  second.onerror();
  const last = await nextSocket();
  assert.is(last.url, 'ws://127.0.0.1/feed?after=a-2');
  last.onmessage({ data: '{"id":"a-3","value":3}' });
  await third;
  await updates.return();
  assert.ok(last.isClosed);
});

transports('one that is read too slowly is closed, and what has come is kept', async () => {
  const updates = follow('http://127.0.0.1/feed', FAST);
  const first = updates.next();
  const socket = await nextSocket();
  for (let number = 1; number <= 10_000; number++) socket.onmessage({ data: `{"id":"a-${number}","value":${number}}` });
  assert.not(socket.isClosed);
  socket.onmessage({ data: '{"id":"a-10001","value":10001}' });
  assert.ok(socket.isClosed);
  await first;
  await updates.return();
});

async function served(...without: string[]): Promise<{ served: Served; url: string; feed: ReturnType<typeof feedOf> }> {
  const feed = feedOf(2);
  const served = await serve({ '/feed': serveFeed(feed, { origins: without }) });
  return { served, url: `http://127.0.0.1:${served.port}/feed`, feed };
}

for (const transport of ['streaming', 'long-polling', 'polling'] as const) {
  transports(`${transport}: what is there, then what comes`, async () => {
    const { served: server, url, feed } = await served();
    await using _ = server;
    const { states, onChange } = noted();
    const updates = follow(url, { transports: [transport], interval: 1, onChange });
    for (const value of ['1', '2']) assert.equal((await updates.next()).value, { id: `a-${value}`, value });
    const third = updates.next();
    await nextTurn();
    void feed.publish('3\n\n4é');
    assert.equal((await third).value, { id: 'a-3', value: '3\n\n4é' });
    void feed.publish(Buffer.from('5') as unknown as string);
    assert.equal((await updates.next()).value, { id: 'a-4', value: Uint8Array.of(53) });
    await updates.return();
    assert.equal(states, [`${transport} connecting`, `${transport} open`, `${transport} closed`]);
  });
}

transports('polling asks for more at once, if there is more than fits into a reply', async () => {
  const feed = feedOf(1500, 2000);
  await using server = await serve({ '/feed': serveFeed(feed) });
  const url = `http://127.0.0.1:${server.port}/feed`;
  let last = '';
  for await (const { id } of follow(url, { transports: ['polling'], interval: 2 ** 31 - 1 })) {
    last = id;
    if (id === 'a-1500') break;
  }
  assert.is(last, 'a-1500');
});

transports('polling leaves nothing behind at each pause', async () => {
  const { fetch } = globalThis;
  let [listeners, requests] = [0, 0];
  const controller = new AbortController();
  globalThis.fetch = async (_url, init) => {
    const signal = init!.signal!;
    if (++requests === 10) controller.abort(new Error('enough'));
    if (requests > 1) return Response.json({ place: 'a-1', updates: [] });
    for (const [name, change] of [['addEventListener', 1], ['removeEventListener', -1]] as const) {
      const method = signal[name].bind(signal) as (...values: unknown[]) => void;
      signal[name] = (...values: unknown[]) => {
        listeners += change;
        method(...values);
      };
    }
    return Response.json({ place: 'a-1', updates: [] });
  };
  try {
    const updates = follow('http://a.example/', { transports: ['polling'], interval: 1, signal: controller.signal });
    await rejects(updates.next(), /enough/);
  } finally {
    globalThis.fetch = fetch;
  }
  assert.ok(requests >= 10);
  assert.is(listeners, 0);
});

transports('a stream says its place before the first update', async () => {
  const { served: server, url, feed } = await served();
  await using _ = server;
  const updates = follow(url, { transports: ['streaming'], after: 'now' });
  const first = updates.next();
  await until('it reads', () => feed.tail.place !== null);
  void feed.publish('3');
  assert.equal((await first).value, { id: 'a-3', value: '3' });
  await updates.return();
});

transports('where a WebSocket does not get through, the next is taken, and stays', async () => {
  const { served: server, url, feed } = await served();
  await using _ = server;
  const { states, onChange } = noted();
  const controller = new AbortController();
  const updates = follow(url, { minDelay: 1, maxDelay: 1, onChange, signal: controller.signal });
  const first = updates.next();
  (await nextSocket()).onclose();
  await first;
  await updates.next();
  // The stream ends, and is opened again without another WebSocket.
  feed.end();
  const third = updates.next();
  await until('it has connected again', () => states.filter((state) => state === 'streaming connecting').length > 1);
  assert.equal(states.slice(0, 5), [
    'websocket connecting', 'streaming connecting', 'streaming open', 'streaming waiting', 'streaming connecting',
  ]);
  controller.abort(new Error('enough'));
  await rejects(third, /enough/);
});

transports('once none gets through, it begins with the first again', async () => {
  const { states, onChange } = noted();
  const { follow } = scripted([], ['{"id":"a-1","value":1}']);
  // Nobody listens at this port.
  const options: FollowOptions = { ...FAST, transports: ['websocket', 'streaming'], onChange };
  const updates = follow('http://127.0.0.1:1/', options);
  assert.equal((await updates.next()).value, { id: 'a-1', value: 1 });
  assert.equal(states.map((state) => state.split(':')[0]), [
    'websocket connecting', 'streaming connecting', 'streaming waiting', 'websocket connecting', 'websocket open',
  ]);
  await updates.return();
});

transports('a refusal of the last transport ends it, unless another attempt may change it', async () => {
  let status = 429;
  await using server = await serve({
    '/refused': () => ({ status: 403, body: 'no' }),
    '/wrong': () => 'text',
    '/later': () => {
      const now = status;
      status = 404;
      return { status: now };
    },
  });
  const url = `http://127.0.0.1:${server.port}`;
  const options: FollowOptions = { transports: ['streaming', 'polling'], minDelay: 1, maxDelay: 1 };
  const refused = take(follow(`${url}/refused`, options), 1);
  await rejects(refused, { status: 403, message: /^the feed was answered with 403/ });
  const { states, onChange } = noted();
  await rejects(take(follow(`${url}/later`, { ...options, transports: ['polling'], onChange }), 1), { status: 404 });
  assert.is(states.filter((state) => state.startsWith('polling waiting')).length, 1);
  const controller = new AbortController();
  const wrong = take(follow(`${url}/wrong`, {
    ...options, signal: controller.signal, onChange: ({ state }) => void (state === 'waiting' && controller.abort()),
  }), 1);
  await rejects(wrong, { name: 'AbortError' });
});

transports.run();

const module = suite('follow: the module');

module('it imports nothing, and is at most 3 KiB, compressed', () => {
  const text = readFileSync(new URL('../../src/feed/browser.js', import.meta.url), 'utf8');
  assert.not.match(text, /^import|\bimport\(|\brequire\(|node:/m);
  const { length } = gzipSync(text, { level: 9 });
  assert.ok(length <= 3072, `${length} bytes`);
});

module.run();
