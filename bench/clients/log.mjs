// Publishes to a broker and reads from it, by two connections of this process: through a feed, or by the client alone.
// It is told by its parent how; in each round it measures one message at a time, or many in flight.
import { performance } from 'node:perf_hooks';
import { createClient } from 'redis';
import { connect } from '@nats-io/transport-node';
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';

const { createFeed } = await import('../../dist/src/index.js');
const { redisLog } = await import('../../dist/src/feed/redis.js');
const { natsLog } = await import('../../dist/src/feed/nats.js');

const [, , kind, port, idleFeeds] = process.argv;
const VALUE = 'x'.repeat(32);

/** Told of each message that has come back. */
let received = () => {};

async function throughFeed(writer, reader, logOf) {
  // Two readers for each feed that nobody publishes to.
  for (let count = 0; count < Number(idleFeeds); count++) {
    const feed = createFeed({ log: logOf(reader, `idle:${count}`) });
    for (let left = 2; left > 0; left--) void (async () => { for await (const _ of feed.from('now')); })();
    if (count % 100 === 0) await feed.after('now');
  }
  const publisher = createFeed({ log: logOf(writer) });
  const { id } = await publisher.publish(VALUE);
  (async () => {
    for await (const _ of createFeed({ log: logOf(reader) }).from(id)) received();
  })();
  return () => publisher.publish(VALUE);
}

const redis = () => createClient({ url: `redis://127.0.0.1:${port}` }).connect();
const nats = () => connect({ servers: `127.0.0.1:${port}` });

const kinds = {
  async 'redisLog'() {
    return throughFeed(await redis(), await redis(), (client, key = `feed beside ${idleFeeds}`) => redisLog(client, key));
  },

  async 'Redis pub/sub'() {
    const [writer, reader] = [await redis(), await redis()];
    await reader.subscribe('raw', () => received());
    return () => writer.publish('raw', VALUE);
  },

  async 'natsLog'() {
    return throughFeed(await nats(), await nats(), (connection, subject = 'feed') => natsLog(connection, subject));
  },

  async 'JetStream consumer'() {
    const [writer, reader] = [await nats(), await nats()];
    const manager = await jetstreamManager(reader);
    await manager.streams.add({ name: 'raw', subjects: ['raw'], max_msgs_per_subject: 1000 });
    const consumer = await jetstream(reader).consumers.get('raw', { deliver_policy: DeliverPolicy.New });
    (async () => {
      for await (const _ of await consumer.consume()) received();
    })();
    const stream = jetstream(writer);
    return () => stream.publish('raw', VALUE);
  },
};

const publish = await kinds[kind]();

/** @returns the median latency in microseconds, and CPU time of this process for each message. */
async function run(milliseconds, inFlight) {
  const end = performance.now() + milliseconds;
  const latencies = [];
  const begun = [];
  let sent = 0;
  let count = 0;
  const before = process.cpuUsage();
  await new Promise((resolve, reject) => {
    const send = () => {
      begun.push(performance.now());
      sent++;
      publish().catch(reject);
    };
    received = () => {
      const now = performance.now();
      latencies.push(now - begun[count++]);
      if (now < end) send();
      else if (count === sent) resolve();
    };
    for (let left = inFlight; left > 0; left--) send();
  });
  const { user, system } = process.cpuUsage(before);
  latencies.sort((one, other) => one - other);
  return { p50: latencies[latencies.length >> 1] * 1000, cpu: (user + system) / count };
}

process.on('message', async ({ milliseconds, inFlight }) => process.send(await run(milliseconds, inFlight)));
process.on('disconnect', () => process.exit());
process.send('ready');
