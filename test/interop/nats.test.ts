// Feeds with their log in a real NATS, by both clients: two nodes, restarts, lost data, and nothing lost or doubled.
import { rejects } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { createFeed, checkLog, type Feed, type Log } from '../../src/index.js';
import { natsLog, type NatsLogOptions } from '../../src/feed/nats.js';
import { suite } from '../runner/suite.js';
import { nextTurn, until } from '../server/harness.js';
import { numbers, publish, readTo } from './feed-numbers.js';
import { natsClients, type NatsClient } from './nats-clients.js';
import { NatsServer } from './nats-server.js';

/** Those of a test: one that has ended subscribes to nothing. */
const feeds: Feed<number>[] = [];

function feedOf({ connection }: NatsClient, subject = 'feed', options: NatsLogOptions = {}): Feed<number> {
  const feed = createFeed({ log: natsLog<number>(connection, subject, options) });
  feeds.push(feed);
  return feed;
}

/** Waits until a client knows that it is connected, or that it is not. */
async function untilConnected(is: boolean, { connection }: NatsClient): Promise<void> {
  const log = natsLog(connection, 'any');
  const away = 'Error: there is no connection to NATS';
  while ((await Promise.resolve(log.read('all', 1)).catch(String) !== away) !== is) await nextTurn();
}

/** Kills the server, and waits until the clients know: what is published before that may have arrived or not. */
async function kill(server: NatsServer, ...nodes: NatsClient[]): Promise<void> {
  await server.kill();
  for (const node of nodes) await untilConnected(false, node);
}

for (const [name, open] of Object.entries(natsClients)) {
  const test = suite(`nats: by the client ${name}`, { timeout: 60_000 });
  test.after.each(() => feeds.splice(0).forEach((feed) => feed.end()));

  test('it does what a log must, alone in its stream and among others', async () => {
    await using server = await NatsServer.start();
    await using node = await open(server.port);
    const options = { keep: 100 };
    await checkLog(natsLog(node.connection, 'checked', options) as Log<number | string>);
    await natsLog(node.connection, 'rooms.other', options).append(0);
    await checkLog(natsLog(node.connection, 'rooms.42', options) as Log<number | string>);
  });

  test('any node publishes, any node reads, and a reader moves between them', async () => {
    await using server = await NatsServer.start();
    await using one = await open(server.port);
    await using two = await open(server.port);
    const nodes = [feedOf(one), feedOf(two)] as const;
    const reading = readTo(nodes[1].from('all'), 40);
    const later = readTo(nodes[0].from('all'), 40);
    const place = await publish(nodes[0], 1, 1);
    for (let number = 2; number <= 40; number++) await publish(nodes[number % 2]!, number, number);
    assert.equal([await reading, await later], [numbers(1, 40), numbers(1, 40)]);
    assert.equal(await readTo(nodes[1].from(place), 40), numbers(2, 40));
  });

  test('updates that are not awaited stay in their order', async () => {
    await using server = await NatsServer.start();
    await using node = await open(server.port);
    const feed = feedOf(node, 'rooms.1');
    const places = await Promise.all(Array.from({ length: 200 }, (_, index) => feed.publish(index + 1)));
    assert.is(new Set(places).size, 200);
    assert.equal(await readTo(feed.from('all'), 200), numbers(1, 200));
  });

  test('many feeds are in one stream, and none takes the updates of another for its own, or for lost', async () => {
    await using server = await NatsServer.start();
    await using node = await open(server.port);
    const many = Array.from({ length: 50 }, (_, index) => feedOf(node, `rooms.${index}`));
    const readings = many.map((feed) => readTo(feed.from('all'), 3));
    const [first] = await Promise.all(many.map((feed) => publish(feed, 1, 1)));
    for (const number of [2, 3]) await Promise.all(many.map((feed) => publish(feed, number, number)));
    for (const reading of readings) assert.equal(await reading, numbers(1, 3));
    assert.equal(await readTo(feedOf(node, 'rooms.0').from(first), 3), numbers(2, 3));
    const { streams } = JSON.parse(await node.request('$JS.API.STREAM.NAMES'));
    assert.equal(streams, ['rooms']);
    for (const feed of many) feed.end();
    const { state } = JSON.parse(await node.request('$JS.API.STREAM.INFO.rooms'));
    assert.is(state.messages, 150);
  });

  test('while NATS is away readers and publishers wait, and go on without a gap when it is back', async () => {
    await using server = await NatsServer.start();
    await using node = await open(server.port);
    await using other = await open(server.port);
    const feed = feedOf(node);
    const reading = readTo(feed.from('all'), 60);
    await publish(feed, 1, 20);
    for (const from of [21, 41]) {
      await kill(server, node, other);
      const late = readTo(feed.from('all'), from + 19);
      const published = publish(feedOf(other), from, from + 19);
      await server.run();
      await published;
      assert.equal(await late, numbers(1, from + 19));
    }
    assert.equal(await reading, numbers(1, 60));
  });

  test('a publisher that does not wait is told that NATS is away', async () => {
    await using server = await NatsServer.start();
    await using node = await open(server.port);
    const feed = feedOf(node, 'feed', { wait: 0 });
    await publish(feed, 1, 1);
    await kill(server, node);
    await rejects(feed.publish(3), { name: 'LogError', message: 'NATS is away: it does not have the update' });
    await rejects(feed.after('all'), { message: 'there is no connection to NATS' });
  });

  test('data that is lost is told: all of it, or the stream', async () => {
    await using server = await NatsServer.start();
    await using node = await open(server.port);
    const feed = feedOf(node);
    const seen: string[] = [];
    const reading = readTo(feed.from('all'), 9, seen);
    const place = await publish(feed, 1, 5);
    await until('all is read', () => seen.length === 5);
    await kill(server, node);
    await server.runEmpty();
    await untilConnected(true, node);
    // Nothing is new, before something is.
    assert.equal(await feed.after(place), { place, updates: [] });
    await publish(feed, 6, 8);
    const unknown = ['6 missed unknown', '7', '8'];
    assert.equal(await readTo(feed.from(place), 8), unknown);
    await until('all is read', () => seen.length === 8);
    await using other = await open(server.port);
    const elsewhere = feedOf(other);
    const newest = (await elsewhere.after('now')).place;
    await node.request('$JS.API.STREAM.DELETE.feed');
    assert.equal(await elsewhere.after(newest), { place: newest, updates: [] });
    await publish(feed, 9, 9);
    assert.equal(await readTo(elsewhere.from(newest), 9), ['9 missed unknown']);
    assert.equal(await reading, [...numbers(1, 5), ...unknown, '9 missed unknown']);
  });

  test('the newest updates that are lost are told to who has them, although their numbers come again', async () => {
    await using server = await NatsServer.start();
    await using node = await open(server.port);
    const feed = feedOf(node);
    const place = await publish(feed, 1, 2);
    // As if it had been written by another life of the same stream.
    const lost = place.replace(/-2-\w+$/, '-2-another');
    assert.equal(await readTo(feed.from(lost), 2), ['1 missed unknown', '2']);
    const later = place.replace(/-2-\w+$/, '-9-another');
    assert.equal(await readTo(feed.from(later), 2), ['1 missed unknown', '2']);
  });

  test('what is trimmed or purged is counted alone in a stream, and told among others', async () => {
    await using server = await NatsServer.start();
    await using node = await open(server.port);
    const options = { keep: 10 };
    const [alone, room, other] = ['feed', 'rooms.1', 'rooms.2'].map((subject) => feedOf(node, subject, options));
    const start = (await room!.after('now')).place;
    const places = [await publish(alone!, 1, 1), await publish(room!, 1, 1)];
    const empty = (await other!.after('now')).place;
    await publish(other!, 1, 9);
    await publish(alone!, 2, 40);
    assert.equal((await alone!.after(places[0]!)).updates[0]!.missed, 29);
    assert.equal(await readTo(alone!.from(places[0]), 40), ['31 missed 29', ...numbers(32, 40)]);
    // Nobody can count what is gone between the numbers of other feeds. Nothing is, at first.
    assert.equal(await readTo(other!.from(empty), 9), numbers(1, 9));
    await publish(room!, 2, 9);
    assert.equal(await readTo(room!.from(start), 9), numbers(1, 9));
    await publish(room!, 10, 40);
    for (const place of [places[1], start]) {
      assert.equal(await readTo(room!.from(place), 40), ['31 missed unknown', ...numbers(32, 40)]);
    }
    const place = (await alone!.after('now')).place;
    await node.request('$JS.API.STREAM.PURGE.feed');
    assert.equal(await alone!.after(place), { place, updates: [] });
    await publish(alone!, 41, 41);
    assert.equal(await readTo(alone!.from(place), 41), ['41']);
  });

  test('what time does not mend is told to publishers and readers, until it is mended', async () => {
    const may = (permissions: string): string => {
      const some = `{ user: some, password: x, permissions: ${permissions} }`;
      return `authorization { users = [ { user: all, password: x }, ${some} ] }`;
    };
    await using server = await NatsServer.start(may('{}'));
    await using all = await open(server.port, { user: 'all', pass: 'x' });
    const troubles: [permissions: string, message: RegExp, who: ('publish' | 'read' | 'watch')[]][] = [
      ['{ publish: { deny: "feed" } }', /Permissions Violation for Publish to "feed"/, ['publish']],
      ['{ publish: { deny: "$JS.API.>" } }', /Permissions Violation for Publish/, ['publish', 'read', 'watch']],
      ['{ subscribe: { deny: "twobyte.>" } }', /Permissions Violation for Subscription/, ['watch']],
    ];
    await publish(feedOf(all), 1, 1);
    for (const [permissions, message, who] of troubles) {
      await kill(server, all);
      await server.run(may(permissions));
      await using some = await open(server.port, { user: 'some', pass: 'x' });
      const feed = feedOf(some);
      const trials = {
        publish: () => feed.publish(2), read: () => feed.after('all'), watch: () => feed.from('now').next(),
      };
      for (const trial of who) await rejects(trials[trial], { name: 'LogError', message }, `${permissions}: ${trial}`);
      await kill(server, all, some);
      await server.run(may('{}'));
      assert.equal(await readTo(feed.from('all'), 1), ['1']);
    }
    // What it publishes before would be thrown away.
    await untilConnected(true, all);
    await all.request('feed', 'hello');
    const strange = { name: 'LogError', message: /^natsLog has not written the message 2 of "feed"/ };
    const feed = feedOf(all);
    await Promise.all([feed.after('all'), feed.from('now').next()].map((promise) => rejects(promise, strange)));
  });

  test('the permissions that the documents name are enough', async () => {
    const publish = ['feed', '$JS.API.STREAM.*.feed', '$JS.API.STREAM.MSG.GET.feed', '$JS.API.CONSUMER.CREATE.feed'];
    const permissions = JSON.stringify({ publish, subscribe: ['twobyte.>', '_INBOX.>'] });
    const settings = `authorization { users = [ { user: a, password: x, permissions: ${permissions} } ] }`;
    await using server = await NatsServer.start(settings);
    await using node = await open(server.port, { user: 'a', pass: 'x' });
    await checkLog(natsLog(node.connection, 'feed', { keep: 100 }) as Log<number | string>);
  });

  test('a stream that tells nothing, or is not there for the subject, is told', async () => {
    await using server = await NatsServer.start();
    await using node = await open(server.port);
    await node.request('$JS.API.STREAM.CREATE.feed', JSON.stringify({ name: 'feed', subjects: ['feed'] }));
    const silent = { name: 'LogError', message: /^the stream feed tells natsLog nothing: nats stream edit feed/ };
    const feed = feedOf(node);
    await rejects(feed.publish(1), silent);
    await rejects(feed.from('all').next(), silent);
    const other = feedOf(node, 'feed', { stream: { name: 'OTHER' } });
    await rejects(other.publish(1), { name: 'LogError', message: /subjects overlap with an existing stream/ });
    const missing = feedOf(node, 'rooms.1', { stream: { subjects: ['halls.>'] }, wait: 0 });
    await rejects(missing.publish(1), { name: 'LogError', message: /^no stream of NATS takes rooms.1 at the moment/ });
  });

  test('a connection that is closed is told to all', async () => {
    await using server = await NatsServer.start();
    await using node = await open(server.port, { maxReconnectAttempts: 1 });
    const feed = feedOf(node);
    const closed = { name: 'LogError', message: /^the connection of natsLog is closed/ };
    await publish(feed, 1, 1);
    const updates = feed.from('all');
    await updates.next();
    const reading = rejects(updates.next(), closed);
    await server.kill();
    await reading;
    await rejects(feed.publish(2), closed);
    await rejects(feed.after('all'), closed);
    await rejects(feedOf(node).from('all').next(), closed);
  });

  test.run();
}
