import { rejects } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { checkNames } from '../../src/connection/options.js';
import {
  acceptWebSocket, broadcast, connect, createFeed, createServer, reconnect, requireWebSocket,
} from '../../src/index.js';
import { suite } from '../runner/suite.js';

const options = suite('connection/options');

interface Known {
  maxMessageBytes?: number;
  maxQueuedBytes?: number;
  tls?: object;
}

const known = { maxMessageBytes: 1, maxQueuedBytes: 1, tls: 1 };

for (const [name, nearest] of [
  // A character is another, missing, or too many.
  ['maxMassageBytes', 'maxMessageBytes'],
  ['maxQueueBytes', 'maxQueuedBytes'],
  ['maxMessagesBytes', 'maxMessageBytes'],
  // Letter case doesn't count: else `tls` would be nearest.
  ['MAXQUEUEDBYTES', 'maxQueuedBytes'],
  ['x', 'tls'],
  // What ws calls it; by its letters, maxPayload would be maxQueuedBytes. There is no deflate here.
  ['maxPayload', 'maxMessageBytes'],
  ['perMessageDeflate', 'maxMessageBytes'],
  ['toString', 'tls'],
  ['', 'tls'],
] as const) {
  options(`${nearest} is nearest to "${name}"`, async () => {
    const message = `createServer has no option ${name}; the nearest one is ${nearest}`;
    await rejects(async () => checkNames<Known>('createServer', { [name]: 1 }, known), { name: 'TypeError', message });
  });
}

for (const [name, value] of [
  ['known names', { tls: {}, maxMessageBytes: 1 }],
  ['no name', {}],
  ['a known name without a value', { tls: undefined } as unknown as Known],
  ['what all objects inherit', Object.create({ inherited: 1 }) as Known],
] as const) {
  options(`${name} will do`, () => checkNames<Known>('createServer', value, known));
}

options('a name that all objects inherit is none that is known', () => {
  assert.throws(() => checkNames('createServer', { toString: 1 } as Known, known), /no option toString/);
});

for (const value of [null, 8000, 'mqtt', true] as const) {
  options(`${value} is no options`, async () => {
    const message = `the options of createServer are an object, not ${value}`;
    await rejects(async () => checkNames<Known>('createServer', value as Known, known), { name: 'TypeError', message });
  });
}

// Whoever takes options, with one that it doesn't have and the one that was meant.
const url = 'ws://127.0.0.1:1/';
const handler = (): void => {};
for (const [taker, take, name, nearest] of [
  ['createServer', createServer, 'idelTimeout', 'idleTimeout'],
  ['acceptWebSocket', (given: object) => acceptWebSocket(handler, given), 'origin', 'origins'],
  ['requireWebSocket', (given: object) => requireWebSocket(handler, given), 'authorise', 'authorize'],
  ['connect', (given: object) => connect(url, given), 'header', 'headers'],
  ['reconnect', (given: object) => reconnect(url, given).next(), 'minDelai', 'minDelay'],
  ['broadcast', (given: object) => broadcast([], 'news', given), 'compres', 'compress'],
  ['createFeed', createFeed, 'keeps', 'keep'],
  ['deflate', (deflate: object) => createServer({ deflate }), 'memLevel', 'level'],
] as const) {
  options(`${taker} has no option ${name}`, async () => {
    const message = `${taker} has no option ${name}; the nearest one is ${nearest}`;
    await rejects(async () => take({ [name]: 1 }), { name: 'TypeError', message });
  });
}

options('reconnect hands to connect what connect takes, and no more', async () => {
  const { signal } = new AbortController();
  const loop = reconnect(`${url}#`, { minDelay: 1, maxDelay: 1, maxMessageBytes: 1, signal });
  await rejects(loop.next(), { name: 'TypeError', message: 'a WebSocket URL has no fragment; remove #' });
});

options.run();
