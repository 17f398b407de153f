// Feeds with their log in a real Redis, by both clients: two nodes, restarts, lost data, and nothing lost or doubled.
import { rejects } from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { createFeed, checkLog, type Feed, type Log } from '../../src/index.js';
import { redisLog } from '../../src/feed/redis.js';
import { suite } from '../runner/suite.js';
import { numbers, publish, readTo } from './feed-numbers.js';
import { clients, type RedisConnection } from './redis-clients.js';
import { RedisServer } from './redis-server.js';

/** Those of a test: one that has ended holds no connection. */
const feeds: Feed<number>[] = [];

function feedOf(node: RedisConnection, key = 'feed', keep = 1000): Feed<number> {
  const feed = createFeed({ log: redisLog<number>(node.client, key, { keep }) });
  feeds.push(feed);
  return feed;
}

for (const [name, open] of Object.entries(clients)) {
  const test = suite(`redis: by the client ${name}`, { timeout: 60_000 });
  test.after.each(() => feeds.splice(0).forEach((feed) => feed.end()));

  test('it does what a log must', async () => {
    await using server = await RedisServer.start();
    await using node = await open(server.port);
    await checkLog(redisLog(node.client, 'checked', { keep: 100 }) as Log<number | string>);
  });

  test('any node publishes, any node reads, and a reader moves between them', async () => {
    await using server = await RedisServer.start();
    await using one = await open(server.port);
    await using two = await open(server.port);
    const nodes = [feedOf(one), feedOf(two)] as const;
    const reading = readTo(nodes[1].from('all'), 40);
    const later = readTo(nodes[0].from('all'), 40);
    const places = await Promise.all([publish(nodes[0], 1, 1)]);
    for (let number = 2; number <= 40; number++) await publish(nodes[number % 2]!, number, number);
    assert.equal([await reading, await later], [numbers(1, 40), numbers(1, 40)]);
    assert.equal(await readTo(nodes[1].from(places[0]), 40), numbers(2, 40));
  });

  test('many feeds share one connection for reading, which is closed when nobody reads', async () => {
    await using server = await RedisServer.start();
    await using node = await open(server.port);
    const many = Array.from({ length: 50 }, (_, index) => feedOf(node, `feed:${index}`));
    const readings = many.map((feed) => readTo(feed.from('all'), 1));
    await Promise.all(many.map((feed) => publish(feed, 1, 1)));
    await Promise.all(readings);
    // One that comes when the connection is there, and two that share a key.
    const [first] = many;
    const late = [feedOf(node, 'late'), feedOf(node, 'feed:0')].map((feed) => readTo(feed.from('now'), 2));
    for (const feed of [first!, feedOf(node, 'late')]) {
      while ((await feed.after('latest')).updates[0]?.value !== 2) await feed.publish(2);
    }
    await Promise.all(late);
    const list = String(await node.command('CLIENT', 'LIST')).trim().split('\n');
    assert.is(list.length, 2);
    const channels = await node.command('PUBSUB', 'NUMSUB', 'feed:0', 'late');
    assert.equal(channels, ['feed:0', 1, 'late', 1]);
  });

  test('what is published in a row stays in order, though Redis forgets the script meanwhile', async () => {
    await using server = await RedisServer.start();
    await using node = await open(server.port);
    const feed = feedOf(node);
    const published: Promise<string>[] = [];
    for (let number = 1; number <= 500; number++) {
      published.push(feed.publish(number));
      if (number % 50 === 25) void node.command('SCRIPT', 'FLUSH');
      if (number % 7 === 0) await nextTurn();
    }
    await Promise.all(published);
    assert.equal(await readTo(feed.from('all'), 500), numbers(1, 500));
  });

  test('while Redis is away a wait ends in time, and a question fails, as nothing is left of it', async () => {
    await using server = await RedisServer.start();
    await using node = await open(server.port);
    const feed = feedOf(node);
    await publish(feed, 1, 3);
    const { place } = await feed.after('all');
    const next = feed.from(place).next();
    await server.kill();
    const client = node.client as { readonly isReady?: boolean; readonly status?: string };
    while (client.isReady === true || client.status === 'ready') await nextTurn();
    await rejects(feed.after('all'), { message: 'there is no connection to Redis' });
    const controller = new AbortController();
    const { signal } = controller;
    const waits = [feed.after(place, { wait: 60_000, signal }), feed.from('now', { signal }).next()];
    controller.abort(new Error('enough'));
    for (const wait of waits) await rejects(wait, { message: 'enough' });
    assert.equal(await feed.after(place, { wait: 1 }), { place, updates: [] });
    const now = feed.from().next();
    await server.run();
    // It begins once Redis is back.
    let isNews = false;
    void now.then(() => (isNews = true));
    while (!isNews) await publish(feed, 4, 4);
    assert.is((await next).value!.value, 4);
    assert.is((await now).value!.value, 4);
  });

  test('while Redis is away readers wait, and go on without a gap when it is back', async () => {
    await using server = await RedisServer.start();
    await using node = await open(server.port);
    await using other = await open(server.port);
    const feed = feedOf(node);
    const reading = readTo(feed.from('all'), 60);
    await publish(feed, 1, 20);
    for (const from of [21, 41]) {
      await server.kill();
      // It asks in vain, and goes on.
      const late = readTo(feed.from('all'), from + 19);
      await server.run();
      await publish(feedOf(other), from, from + 19);
      assert.equal(await late, numbers(1, from + 19));
    }
    assert.equal(await reading, numbers(1, 60));
  });

  test('data that is lost is told: all of it, or the newest', async () => {
    await using server = await RedisServer.start('--save', '');
    await using node = await open(server.port);
    const feed = feedOf(node);
    const reading = readTo(feed.from('all'), 12);
    await publish(feed, 1, 3);
    await node.command('SAVE');
    const place = await publish(feed, 4, 5);
    assert.equal(await readTo(feed.from('all'), 5), numbers(1, 5));
    await server.kill();
    await server.run('--save', '');
    // 4 and 5 are lost. Nothing is new for who has them, before something is.
    assert.equal((await feed.after(place)).updates, []);
    await publish(feed, 6, 8);
    assert.equal(await readTo(feed.from(place), 8), ['6 missed unknown', '7', '8']);
    const newest = (await feed.after('now')).place;
    await node.command('FLUSHALL');
    await using other = await open(server.port);
    const elsewhere = feedOf(other);
    assert.equal(await elsewhere.after(newest), { place: newest, updates: [] });
    await publish(feed, 9, 12);
    for (const node of [feed, elsewhere]) {
      assert.equal(await readTo(node.from(newest), 12), ['9 missed unknown', '10', '11', '12']);
    }
    assert.equal(await reading, [...numbers(1, 5), '6 missed unknown', '7', '8', '9 missed unknown', '10', '11', '12']);
  });

  test('what time does not mend is told to publishers and readers, until it is mended', async () => {
    await using server = await RedisServer.start();
    await using node = await open(server.port);
    const entry = ['life', 'a', 'number', '1', 'value', 'j{'];
    const troubles: [make: string[], mend: string[], message: RegExp, mayPublish?: boolean][] = [
      [['SET', 'feed', 'text'], ['DEL', 'feed'], /^Redis refuses what redisLog needs: WRONGTYPE/],
      [['XADD', 'feed', '9-9', 'name', 'x'], ['XDEL', 'feed', '9-9'], /has not written the entry 9-9 of "feed"/],
      [['XADD', 'feed', '9-9', ...entry], ['DEL', 'feed'], /has not written the entry 9-9 of "feed"/, true],
      [['ACL', 'SETUSER', 'default', 'resetchannels'], ['ACL', 'SETUSER', 'default', 'allchannels'], /NOPERM|channel/],
      [['ACL', 'SETUSER', 'default', '-@read'], ['ACL', 'SETUSER', 'default', '+@read'], /NOPERM|user/],
    ];
    for (const [make, mend, message, mayPublish = false] of troubles) {
      await node.command(...make);
      const feed = feedOf(node);
      const reading = [feed.from('all').next(), feed.from('now').next(), feed.after('now', { wait: 60_000 })];
      const isReached = make[0] === 'XADD' && mayPublish;
      await Promise.all((isReached ? reading.slice(0, 1) : reading).map((promise: Promise<unknown>) =>
        rejects(promise, { name: 'LogError', message })));
      if (!mayPublish) await rejects(feed.publish(1), { name: 'LogError', message });
      feed.end();
      await node.command(...mend);
      const mended = feedOf(node);
      const again = readTo(mended.from('all'), 2);
      await publish(mended, 2, 2);
      assert.equal((await again).at(-1), '2');
      await node.command('DEL', 'feed');
    }
  });

  test('a stream begun anew by a clock set back is another life', async () => {
    await using server = await RedisServer.start();
    await using node = await open(server.port);
    const feed = feedOf(node);
    await publish(feed, 1, 2);
    const future = (await feed.after('now')).place.replace(/\d+-\d+$/, '99999999999999-0');
    const [first, second] = (await feed.after('all')).updates;
    assert.equal((await feed.after(future)).updates, [{ ...first!, missed: 'unknown' }, second!]);
  });

  test('what is trimmed is counted, and watchers that fell behind are told', async () => {
    await using server = await RedisServer.start();
    await using node = await open(server.port);
    const feed = feedOf(node, 'feed', 10);
    const place = await publish(feed, 1, 1);
    await publish(feed, 2, 400);
    const { updates } = await feed.after(place);
    const { missed = 0, value } = updates[0]!;
    assert.ok(Number(missed) > 200, String(missed));
    assert.is(value, Number(missed) + 2);
  });

  test.run();
}
