// The channels of node:diagnostics_channel: their names, what each publishes, and that docs/api.md has both.
import { hasSubscribers } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import * as channels from '../src/diagnostics.js';
import { createFeed, createServer, requireWebSocket, HandshakeError, type Connection } from '../src/index.js';
import { suite } from './runner/suite.js';
import { get, serve } from './server/harness.js';
import { httpRequest } from './support/peers/raw-client.js';
import { Recorder, type Name } from './support/recorder.js';

const test = suite('diagnostics');

/** What is published on each, as the types say it: the compiler tells if a name is missing. */
const MEMBERS: Readonly<Record<Name, readonly string[]>> = {
  'twobyte:connection:open': ['connection', 'role'],
  'twobyte:connection:close': ['connection', 'role', 'close'],
  'twobyte:handshake:refused': ['error', 'request'],
  'twobyte:message': ['connection', 'role', 'direction', 'type', 'byteLength'],
  'twobyte:slow': ['connection', 'role', 'direction'],
  'twobyte:error': ['error', 'request', 'connection', 'role'],
  'twobyte:feed:publish': ['feed', 'id', 'value'],
  'twobyte:feed:behind': ['feed', 'connection'],
};
const NAMES = Object.keys(MEMBERS) as Name[];

test('there are these channels', () => {
  assert.equal(Object.values(channels).map(({ name }) => String(name)).sort(), [...NAMES].sort());
});

test('docs/api.md has each, and its members', () => {
  const document = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');
  const rows = [...document.matchAll(/^\| `(twobyte:[a-z:]+)` \| (.*?) \|/gm)].map(([, name, members]) => {
    return [name, [...members!.matchAll(/`(\w+)`/g)].map(([, member]) => member)];
  });
  assert.equal(Object.fromEntries(rows), MEMBERS);
});

test('what a server publishes has these members, and no others', async () => {
  using recorder = new Recorder(...NAMES);
  const server = createServer({ onError: () => {}, onRefuse: () => {} });
  const feed = createFeed<string>({ life: 'a' });
  server.route('/', () => Promise.reject(new Error('of plain HTTP')));
  server.route('/refused', requireWebSocket(() => {}, { authorize: () => Promise.resolve(false) }));
  server.route('/broken', requireWebSocket(async ({ webSocket }) => {
    await webSocket.wait();
    throw new Error('of a handler');
  }));
  assert.instance(await server.inject('/refused').catch((error: unknown) => error), HandshakeError);
  const socket = await server.inject('/broken');
  const [connection] = server.connections;
  await socket.send('hello');
  await socket.closed;
  await feed.publish('news');
  await server.close();
  const events = recorder.take();
  for (const [name, event] of events) assert.equal(Object.keys(event), MEMBERS[`twobyte:${name}` as Name], name);
  const of = (wanted: string): Record<string, unknown>[] => {
    return events.flatMap(([name, event]) => (name === wanted ? [event] : []));
  };
  const [refused] = of('handshake:refused') as { error: HandshakeError; request: { path: string } }[];
  assert.equal([refused!.error.code, refused!.request.path], ['NOT_AUTHORIZED', '/refused']);
  const [failed] = of('error') as { error: Error; connection: Connection; request: { path: string } }[];
  assert.equal([failed!.error.message, failed!.request.path], ['of a handler', '/broken']);
  assert.is(failed!.connection, connection);
  assert.equal(of('message').map(({ role, direction }) => `${role} ${direction}`), [
    'client outgoing', 'server incoming',
  ]);
  assert.equal(of('connection:open').map(({ role }) => role).sort(), ['client', 'server']);
  assert.equal(of('connection:close').length, 2);
  const [published] = of('feed:publish');
  assert.is(published!['feed'], feed);
  assert.equal([published!['id'], published!['value']], ['a-1', 'news']);
});

test('an error of plain HTTP has no connection, and a refusal of plain HTTP is none of a handshake', async () => {
  using recorder = new Recorder('twobyte:error', 'twobyte:handshake:refused');
  const refused: string[] = [];
  await using served = await serve({ '/': () => Promise.reject(new Error('of plain HTTP')) }, {
    onRefuse: ({ code }) => void refused.push(code),
  });
  for (const path of ['/', '/nothing']) await httpRequest(served.port, get(path, 'Connection: close'));
  assert.equal(served.takeErrors(), ['Error: of plain HTTP']);
  const [[name, { error, connection, role }], ...others] = recorder.take() as [[string, Record<string, unknown>]];
  assert.equal([name, (error as Error).message, connection, role], ['error', 'of plain HTTP', null, 'server']);
  assert.equal(others, []);
  assert.equal(refused, ['NOT_FOUND']);
});

test('an update that the log does not take is not published', async () => {
  using recorder = new Recorder('twobyte:feed:publish');
  const feed = createFeed<string>({
    log: {
      append: () => Promise.reject(new Error('away')),
      read: () => Promise.reject(new Error('away')),
      watch: () => () => {},
    },
  });
  assert.is((await feed.publish('news').catch((error: Error) => error) as Error).message, 'away');
  assert.equal(recorder.take(), []);
});

test('nobody is subscribed by the library itself', () => {
  for (const name of NAMES) assert.is(hasSubscribers(name), false, name);
});

test.run();
