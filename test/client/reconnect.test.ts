// One connection after another: which failures are tried again, how long the pauses are, and what ends it all.
import { getEventListeners, setMaxListeners } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';
import * as assert from 'uvu/assert';
import type { ConnectOptions } from '../../src/client/connect.js';
import { reconnect, type ReconnectOptions, type Retry } from '../../src/client/reconnect.js';
import type { Connection } from '../../src/connection/connection.js';
import { ConnectionClosed, HandshakeError, TimeoutError } from '../../src/errors.js';
import { suite } from '../runner/suite.js';
import { Clock } from '../support/clock.js';
import { RawServer } from '../support/peers/raw-server.js';
import { warningsOf } from '../support/warnings.js';
import { acceptUpgrade, assertEnded, failure, readRequest, switching, upgrade } from './harness.js';

const test = suite('client/reconnect');

const { setTimeout: sleep, setImmediate: nextTurn } = timers;
const { random } = Math;
const { now } = performance;

/** The pauses that were asked for, in milliseconds; they take no time. */
let pauses: number[] = [];

test.before.each(() => {
  pauses = [];
  // The greatest pause of its range.
  Math.random = () => 1;
  timers.setTimeout = (async (delay: number, value: unknown, options?: { signal?: AbortSignal }) => {
    pauses.push(delay);
    return await sleep(0, value, options);
  }) as typeof sleep;
  syncBuiltinESMExports();
});

test.after.each(() => {
  Math.random = random;
  performance.now = now;
  timers.setTimeout = sleep;
  syncBuiltinESMExports();
});

/** What a server does with one connection. */
type Answer = 'accept' | 'accept and close' | 'reset' | 'end' | string;

async function answerNext(server: RawServer, answer: Answer): Promise<void> {
  const peer = await server.accept();
  if (answer === 'reset') {
    peer.socket.resetAndDestroy();
    return;
  }
  if (answer === 'end') {
    peer.socket.end();
    return;
  }
  if (!answer.startsWith('accept')) {
    await readRequest(peer);
    peer.socket.end(Buffer.from(answer, 'latin1'));
    return;
  }
  await acceptUpgrade(peer);
  if (answer === 'accept') return;
  peer.sendFrame(8, Buffer.of(0x03, 0xe9), { maskingKey: null });
  peer.socket.end();
}

const refusal = (status: number): string => `HTTP/1.1 ${status} x\r\nContent-Length: 0\r\n\r\n`;

/** Runs the loop until it has had so many connections or fails, each of them until it ends. */
async function take(
  url: Parameters<typeof reconnect>[0],
  count: number,
  options: ReconnectOptions = {},
): Promise<Error | null> {
  try {
    for await (const connection of reconnect(url, options)) {
      if (--count === 0) {
        connection.terminate();
        return null;
      }
      await connection.wait();
    }
  } catch (error) {
    return error as Error;
  }
  throw new Error('the loop has ended by itself');
}

test('after the server has closed, there is another connection', async () => {
  await using server = await RawServer.listen();
  const taking = take(server.url, 3);
  for (const answer of ['accept and close', 'accept and close', 'accept']) await answerNext(server, answer);
  assert.is(await taking, null);
  assert.is(server.count, 3);
});

test('pauses double and are capped, half of them is random', async () => {
  for (const [randomness, factor] of [[1, 1], [0, 0.5], [0.5, 0.75]] as const) {
    pauses = [];
    Math.random = () => randomness;
    await using server = await RawServer.listen();
    const taking = take(server.url, 1, { minDelay: 100, maxDelay: 1000 });
    for (let count = 0; count < 7; count++) await answerNext(server, refusal(503));
    await answerNext(server, 'accept');
    assert.is(await taking, null);
    assert.equal(pauses, [100, 200, 400, 800, 1000, 1000, 1000].map((pause) => pause * factor));
  }
});

test('by default from 500 up to 60,000 milliseconds', async () => {
  await using server = await RawServer.listen();
  const taking = take(server.url, 1);
  for (let count = 0; count < 9; count++) await answerNext(server, refusal(500));
  await answerNext(server, 'accept');
  await taking;
  assert.equal(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
});

test('connections that end at once count as failures; one that lasts longer than the pause starts over', async () => {
  let time = 0;
  performance.now = () => time;
  await using server = await RawServer.listen();
  const answering = (async () => {
    for (let count = 0; count < 5; count++) await answerNext(server, 'accept and close');
    await answerNext(server, 'accept');
  })();
  let count = 0;
  for await (const connection of reconnect(server.url, { minDelay: 100 })) {
    count++;
    if (count === 6) connection.terminate();
    if (count === 6) break;
    await connection.wait();
    // Longer than the pause before, which would be 400; the fourth exactly as long.
    if (count === 3) time += 401;
    if (count === 4) time += 200;
  }
  await answering;
  assert.equal(pauses, [100, 200, 100, 200, 400]);
});

const temporary: [name: string, answer: Answer][] = [
  ...[500, 502, 503, 504, 599, 408, 425, 429].map((status): [string, string] => [`status ${status}`, refusal(status)]),
  ['a reset', 'reset'],
  ['an end without answer', 'end'],
  ['half an answer', 'HTTP/1.1 10'],
];
for (const [name, answer] of temporary) {
  test(`${name} is tried again`, async () => {
    await using server = await RawServer.listen();
    const taking = take(server.url, 1);
    await answerNext(server, answer);
    await answerNext(server, 'accept');
    assert.is(await taking, null);
    assert.is(server.count, 2);
  });
}

const ACCEPT = 'HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n';

const fatal: [name: string, answer: string, code: string][] = [
  ...[400, 401, 403, 404, 407, 410, 426, 451].map((status): [string, string, string] => {
    return [`status ${status}`, refusal(status), 'UNEXPECTED_STATUS'];
  }),
  ['a redirect', 'HTTP/1.1 302 x\r\nLocation: /\r\nContent-Length: 0\r\n\r\n', 'UNEXPECTED_STATUS'],
  ['status 200', refusal(200), 'UNEXPECTED_STATUS'],
  ['a bad accept value', ACCEPT, 'ACCEPT_INVALID'],
  ['garbage', 'garbage\r\n\r\n', 'STATUS_LINE_INVALID'],
];
for (const [name, answer, code] of fatal) {
  test(`${name} ends it with the error`, async () => {
    await using server = await RawServer.listen();
    const taking = take(server.url, 1);
    await answerNext(server, answer);
    const error = await taking;
    assert.instance(error, HandshakeError);
    assert.is((error as HandshakeError).code, code);
    assert.is(server.count, 1);
    assert.equal(pauses, []);
  });
}

for (const status of [302, 400, 404, 429, 500, 502, 503]) {
  test(`status ${status} of a proxy is tried again`, async () => {
    await using proxy = await RawServer.listen();
    const taking = take('ws://a/', 1, { proxy: proxy.url.replace('ws', 'http') });
    await answerNext(proxy, refusal(status));
    const peer = await proxy.accept();
    await readRequest(peer);
    peer.write('HTTP/1.1 200 x\r\n\r\n');
    await acceptUpgrade(peer);
    assert.is(await taking, null);
  });
}

for (const status of [401, 403, 407]) {
  test(`status ${status} of a proxy ends it with the error, which has the proxy's words`, async () => {
    await using proxy = await RawServer.listen();
    const taking = take('ws://a/', 1, { proxy: proxy.url.replace('ws', 'http') });
    await answerNext(proxy, `HTTP/1.1 ${status} x\r\nX-A: b\r\nContent-Length: 7\r\n\r\nsign in`);
    const { code, headers, body } = await taking as HandshakeError;
    assert.equal([code, headers['x-a'], body], ['PROXY_REFUSED', 'b', 'sign in']);
    assert.is(proxy.count, 1);
  });
}

test('onRetry is told why, which attempt comes, and when', async () => {
  const retries: [code: string, detail: number | undefined, attempt: number, delay: number][] = [];
  const onRetry = ({ error, attempt, delay }: Retry): void => {
    const detail = error instanceof ConnectionClosed ? error.close!.code : (error as HandshakeError).status;
    retries.push([(error as HandshakeError).code, detail, attempt, delay]);
  };
  await using server = await RawServer.listen();
  const taking = take(server.url, 2, { onRetry, minDelay: 100 });
  for (const answer of ['reset', 'end', refusal(503), 'accept and close', 'accept']) await answerNext(server, answer);
  assert.is(await taking, null);
  assert.equal(retries, [
    ['ECONNRESET', undefined, 1, 100],
    ['CONNECTION_LOST', 0, 2, 200],
    ['UNEXPECTED_STATUS', 503, 3, 400],
    ['CONNECTION_CLOSED', 1001, 4, 800],
  ]);
  assert.equal(pauses, retries.map(([, , , delay]) => delay));
});

test('after a connection that has lasted, attempts are counted anew', async () => {
  let time = 0;
  performance.now = () => time;
  const attempts: number[] = [];
  await using server = await RawServer.listen();
  const answering = (async () => {
    for (const answer of [refusal(503), 'accept and close', refusal(503), 'accept']) await answerNext(server, answer);
  })();
  let count = 0;
  const options: ReconnectOptions = { minDelay: 100, onRetry: ({ attempt }) => attempts.push(attempt) };
  for await (const connection of reconnect(server.url, options)) {
    if (++count === 2) connection.terminate();
    if (count === 2) break;
    await connection.wait();
    time += 201;
  }
  await answering;
  assert.equal(attempts, [1, 1, 2]);
});

test('onRetry is awaited before the pause, and what it throws ends it', async () => {
  await using server = await RawServer.listen();
  const enough = new Error('enough');
  const taking = take(server.url, 1, {
    async onRetry({ attempt }) {
      await nextTurn();
      assert.is(pauses.length, attempt - 1);
      if (attempt === 3) throw enough;
    },
  });
  for (let count = 0; count < 3; count++) await answerNext(server, refusal(503));
  assert.is(await taking, enough);
  assert.is(pauses.length, 2);
});

test('onRetry is not called behind an abort', async () => {
  const controller = new AbortController();
  await using server = await RawServer.listen();
  const { signal } = controller;
  const onRetry = (): void => assert.unreachable('it was called');
  const loop = failure((async () => {
    for await (const connection of reconnect(server.url, { signal, onRetry })) {
      controller.abort('enough');
      connection.terminate();
    }
  })());
  await answerNext(server, 'accept');
  assert.is(await loop, 'enough' as unknown);
});

for (const answer of ['end', 'reset', 'HTTP/1.1 10']) {
  test(`maxUnanswered: so many unanswered attempts in a row end it (${answer})`, async () => {
    await using server = await RawServer.listen();
    const taking = take(server.url, 2, { maxUnanswered: 3, subprotocols: 'mqtt' });
    for (const each of [answer, answer, refusal(503), answer, 'reset', 'accept and close', answer, 'end', answer]) {
      await answerNext(server, each);
    }
    assert.is((await taking as HandshakeError).code, answer === 'reset' ? 'ECONNRESET' : 'CONNECTION_LOST');
    assert.is(server.count, 9);
    assert.is(pauses.length, 8);
  });
}

test('maxUnanswered: a server that is not there is not counted', async () => {
  const closed = await RawServer.listen();
  const { url } = closed;
  await closed[Symbol.asyncDispose]();
  const taking = take(url, 1, {
    maxUnanswered: 1,
    onRetry({ attempt, error }) {
      if (attempt === 3) throw error;
    },
  });
  assert.is((await taking as NodeJS.ErrnoException).code, 'ECONNREFUSED');
});

test('URL and headers may be functions, which are asked before each attempt', async () => {
  await using first = await RawServer.listen();
  await using second = await RawServer.listen();
  let count = 0;
  const taking = take(() => new URL(`${count === 0 ? first.url : second.url}?${count}`), 1, {
    headers: async () => {
      await nextTurn();
      return { Authorization: `Bearer ${count++}` };
    },
  });
  for (const [index, server] of [first, second, second].entries()) {
    const peer = await server.accept();
    const request = await readRequest(peer);
    assert.equal([request.line, request.fields.get('Authorization')], [`GET /?${index} HTTP/1.1`, `Bearer ${index}`]);
    peer.socket.end(index < 2 ? refusal(503) : switching(request), 'latin1');
  }
  assert.is(await taking, null);
  assert.is(count, 3);
});

test('what a function throws is tried again if it is temporary, be it as the cause that fetch gives', async () => {
  await using server = await RawServer.listen();
  const system = Object.assign(new Error('of the test'), { code: 'ECONNREFUSED' });
  for (const error of [system, new TypeError('fetch failed', { cause: system })]) {
    const told: Error[] = [];
    const failures = [error];
    const taking = take(() => {
      if (failures.length > 0) throw failures.pop();
      return server.url;
    }, 1, { onRetry: (retry) => told.push(retry.error) });
    await answerNext(server, 'accept');
    assert.is(await taking, null);
    assert.equal(told, [error]);
  }
  for (const error of [new Error('no token'), null, undefined]) {
    assert.is(await failure(take(server.url, 1, { headers: () => Promise.reject(error) }).then((thrown) => {
      throw thrown;
    })), error);
  }
});

test('a ConnectionClosed that the body catches does not end it', async () => {
  await using server = await RawServer.listen();
  const closes: number[] = [];
  const loop = (async () => {
    for await (const connection of reconnect(server.url)) {
      try {
        await connection.closed;
        await connection.send('too late');
      } catch (error) {
        if (!(error instanceof ConnectionClosed)) throw error;
        closes.push(error.close!.code);
        if (closes.length === 2) break;
      }
    }
  })();
  for (let count = 0; count < 2; count++) await answerNext(server, 'accept and close');
  await loop;
  assert.equal(closes, [1001, 1001]);
});

test('an error after connections ends it too', async () => {
  await using server = await RawServer.listen();
  const taking = take(server.url, 9);
  for (const answer of ['accept and close', refusal(503), 'accept and close', refusal(403)]) {
    await answerNext(server, answer);
  }
  assert.is((await taking as HandshakeError).status, 403);
});

test('ECONNREFUSED is tried again, and a timeout', async () => {
  const closed = await RawServer.listen();
  const { url, port } = closed;
  await closed[Symbol.asyncDispose]();
  const iterator = reconnect(url);
  const next = iterator.next();
  while (pauses.length < 2) await nextTurn();
  await using server = await RawServer.listen({ port, host: '127.0.0.1' });
  await answerNext(server, 'accept');
  const { value } = await next;
  (value as Connection).terminate();
  await iterator.return();

  await using silent = await RawServer.listen();
  using clock = new Clock(3_600_001);
  const taking = take(silent.url, 1, { timeout: 3_600_001 });
  await readRequest(await silent.accept());
  clock.advance(3_600_001);
  await answerNext(silent, 'accept');
  assert.is(await taking, null);
});

const wrongly: [name: string, kind: string, url: string, options: ReconnectOptions][] = [
  ['a URL', 'TypeError', 'http://127.0.0.1:1/', {}],
  ['a header', 'TypeError', 'ws://127.0.0.1:1/', { headers: { a: '\n' } }],
  ['a timeout', 'RangeError', 'ws://127.0.0.1:1/', { timeout: -1 }],
  ['minDelay', 'RangeError', 'ws://127.0.0.1:1/', { minDelay: -1 }],
  ['maxDelay', 'RangeError', 'ws://127.0.0.1:1/', { maxDelay: Infinity }],
  ['maxUnanswered', 'RangeError', 'ws://127.0.0.1:1/', { maxUnanswered: 0 }],
];
for (const [name, kind, url, options] of wrongly) {
  test(`${name} that can't be used ends it with ${kind}`, async () => {
    assert.is((await take(url, 1, options))?.name, kind);
    assert.equal(pauses, []);
  });
}

test('an invalid TLS certificate or option is not tried again', async () => {
  await using server = await RawServer.listen();
  const options: ConnectOptions = { tls: { minVersion: 'TLSv9' as 'TLSv1.3' } };
  assert.is((await take(server.url.replace('ws', 'wss'), 1, options))?.name, 'TypeError');
});

test('break closes the connection with 1000 and waits for its end', async () => {
  await using server = await RawServer.listen();
  const loop = (async () => {
    for await (const connection of reconnect(server.url)) {
      void connection;
      break;
    }
  })();
  const peer = await upgrade(server);
  const { opcode, payload } = await peer.readFrame();
  assert.equal([opcode, payload.readUInt16BE()], [8, 1000]);
  let isOver = false;
  void loop.then(() => (isOver = true));
  await nextTurn();
  assert.is(isOver, false, 'the closing handshake is not over');
  peer.sendFrame(8, payload, { maskingKey: null });
  peer.socket.end();
  await loop;
  assert.is(server.count, 1);
  assert.equal(pauses, []);
});

test('an error of the body closes the connection and comes out', async () => {
  await using server = await RawServer.listen();
  const mistake = new Error('of the body');
  const loop = failure((async () => {
    for await (const _ of reconnect(server.url)) throw mistake;
  })());
  const peer = await upgrade(server);
  const { opcode, payload } = await peer.readFrame();
  assert.is(opcode, 8);
  peer.sendFrame(8, payload, { maskingKey: null });
  peer.socket.end();
  assert.is(await loop, mistake);
});

test('a connection that is still open at the end of the body is closed, and another one made', async () => {
  await using server = await RawServer.listen();
  let count = 0;
  const loop = (async () => {
    for await (const connection of reconnect(server.url)) {
      if (++count < 3) continue;
      connection.terminate();
      break;
    }
  })();
  for (let number = 0; number < 2; number++) {
    const peer = await upgrade(server);
    const { opcode, payload } = await peer.readFrame();
    assert.equal([opcode, payload.readUInt16BE()], [8, 1000]);
    peer.sendFrame(8, payload, { maskingKey: null });
    peer.socket.end();
    await assertEnded(peer);
  }
  await upgrade(server);
  await loop;
  assert.is(count, 3);
});

test('an abort before, while connecting, in a pause and in the body ends it with the reason', async () => {
  const reason = { why: 'enough' };
  await using server = await RawServer.listen();
  assert.is(await take(server.url, 1, { signal: AbortSignal.abort(reason) }), reason as unknown);

  const connecting = new AbortController();
  const whileConnecting = take(server.url, 1, { signal: connecting.signal });
  const peer = await server.accept();
  connecting.abort(reason);
  assert.is(await whileConnecting, reason as unknown);
  await peer.readToEnd();

  const pausing = new AbortController();
  timers.setTimeout = (async (_: number, value: unknown, options?: { signal?: AbortSignal }) => {
    queueMicrotask(() => pausing.abort(reason));
    return await sleep(2 ** 31 - 1, value, options);
  }) as typeof sleep;
  syncBuiltinESMExports();
  const inPause = take(server.url, 1, { signal: pausing.signal });
  await answerNext(server, refusal(503));
  assert.is(await inPause, reason as unknown);

  const { signal, ...inBody } = (() => {
    const controller = new AbortController();
    return { signal: controller.signal, abort: () => controller.abort(reason) };
  })();
  const loop = failure((async () => {
    for await (const connection of reconnect(server.url, { signal })) {
      inBody.abort();
      connection.terminate();
    }
  })());
  await answerNext(server, 'accept');
  assert.is(await loop, reason as unknown);
  assert.is(getEventListeners(signal, 'abort').length, 0);
});

test('any number of loops on one signal is no leak of listeners', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  setMaxListeners(10, signal);
  await using server = await RawServer.listen();
  const { url } = server;
  let pausing = 0;
  timers.setTimeout = (async (_: number, value: unknown, options?: { signal?: AbortSignal }) => {
    if (++pausing === 20) queueMicrotask(() => controller.abort('enough'));
    return await sleep(2 ** 31 - 1, value, options);
  }) as typeof sleep;
  syncBuiltinESMExports();
  const warnings = await warningsOf(async () => {
    const loops = Array.from({ length: 20 }, () => take(url, 1, { signal }));
    for (const _ of loops) await answerNext(server, refusal(503));
    for (const outcome of await Promise.all(loops)) assert.is(outcome, 'enough' as unknown);
  });
  assert.equal([warnings, getEventListeners(signal, 'abort').length], [[], 0]);
});

test('an abort closes the connection that the body waits on', async () => {
  const controller = new AbortController();
  await using server = await RawServer.listen();
  const loop = failure((async () => {
    for await (const connection of reconnect(server.url, { signal: controller.signal })) {
      setImmediate(() => controller.abort('enough'));
      assert.is(await connection.wait(), null);
    }
  })());
  const peer = await upgrade(server);
  assert.equal((await peer.readFrame()).payload, Buffer.from('03e8', 'hex'));
  peer.sendFrame(8, Buffer.from('03e8', 'hex'), { maskingKey: null });
  peer.socket.end();
  assert.is(await loop, 'enough' as unknown);
});

test('an abort ends it also if its reason looks like a failure to be tried again', async () => {
  await using server = await RawServer.listen();
  const reset = Object.assign(new Error('of the test'), { code: 'ECONNRESET' });
  for (const reason of [reset, new TimeoutError('of the test')]) {
    const controller = new AbortController();
    const taking = take(server.url, 1, { signal: controller.signal });
    const peer = await server.accept();
    controller.abort(reason);
    assert.is(await taking, reason);
    await peer.readToEnd();
  }
});

test.run();
