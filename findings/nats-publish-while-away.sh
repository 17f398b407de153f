#!/usr/bin/env bash
# @nats-io/transport-node 3.4.0 and nats 2.29.3 (npm), on Node.js, with nats-server 2.9.10 (Debian package)
#
# A client that connects again for ever (`maxReconnectAttempts: -1`) tells `disconnect`, as its server has stopped. From
# then on `publish` throws nothing, and what it is given is thrown away, all of it, up to the moment at which the client
# tells `reconnect`; the messages after that arrive. No status tells of the loss.
#
# Why nobody could have guessed: NATS's manual says that what is published during a reconnect is kept and sent once the
# connection is back, and has nothing else of JavaScript than that the size of that buffer can't be set; the clients for
# Go, Java and .NET do so; and `publish` on a client that is closed does throw.
# twobyte: natsLog publishes to JetStream, and is fulfilled by its answer only.
#
# seen: @nats-io/transport-node: published and arrived: before 1 and 1, away 10 and 0, after 1 and 1; publish threw 0 times. nats: published and arrived: before 1 and 1, away 10 and 0, after 1 and 1; publish threw 0 times.
set -euo pipefail
source "$(dirname "$0")/support/common.sh"
from_debian nats-server
from_npm @nats-io/transport-node@3.4.0 nats@2.29.3

cat > "$scratch/away.cjs" << 'JS'
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { createServer } = require('node:net');
const { setTimeout: sleep } = require('node:timers/promises');

async function freePort() {
  const probe = createServer();
  await once(probe.listen(0, '127.0.0.1'), 'listening');
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** A server that is ready for clients. */
async function start(port) {
  const server = spawn('/usr/sbin/nats-server', ['--addr', '127.0.0.1', '--port', String(port)]);
  let log = '';
  for await (const text of server.stderr.iterator({ destroyOnReturn: false })) {
    log += text;
    if (log.includes('Server is ready')) break;
  }
  server.stderr.resume();
  return server;
}

async function stop(server) {
  const closed = once(server, 'close');
  server.kill('SIGTERM');
  await closed;
}

/** What a client tells of itself, one after the other. */
function statusOf(connection) {
  const told = [];
  void (async () => {
    for await (const { type } of connection.status()) told.push(type);
  })();
  return async (type) => {
    while (!told.includes(type)) await sleep(10);
  };
}

async function observe({ connect }) {
  const port = await freePort();
  const options = { servers: `127.0.0.1:${port}`, maxReconnectAttempts: -1, reconnectTimeWait: 20, timeout: 500 };
  let server = await start(port);
  const reader = await connect(options);
  // Back after the reader: what it had kept would arrive.
  const writer = await connect({ ...options, reconnectTimeWait: 1000 });
  const [readerTold, writerTold] = [statusOf(reader), statusOf(writer)];
  const arrived = { before: 0, away: 0, after: 0 };
  const subscription = reader.subscribe('subject');
  void (async () => {
    for await (const { data } of subscription) arrived[Buffer.from(data).toString()]++;
  })();
  await reader.flush();
  writer.publish('subject', 'before');
  await writer.flush();
  await stop(server);
  await Promise.all([readerTold('disconnect'), writerTold('disconnect')]);
  let thrown = 0;
  for (let count = 0; count < 10; count++) {
    try {
      writer.publish('subject', 'away');
    } catch {
      thrown++;
    }
    await sleep(50);
  }
  server = await start(port);
  await readerTold('reconnect');
  await reader.flush();
  await writerTold('reconnect');
  writer.publish('subject', 'after');
  await writer.flush();
  await reader.flush();
  await sleep(200);
  const counts = `before 1 and ${arrived.before}, away 10 and ${arrived.away}, after 1 and ${arrived.after}`;
  await Promise.all([reader.close(), writer.close()]);
  await stop(server);
  return `published and arrived: ${counts}; publish threw ${thrown} times.`;
}

async function main() {
  const seen = [];
  for (const name of ['@nats-io/transport-node', 'nats']) seen.push(`${name}: ${await observe(require(name))}`);
  console.log(seen.join(' '));
  process.exit();
}
void main();
JS
compare "$(NODE_PATH="$scratch/node_modules" timeout 80 node "$scratch/away.cjs")"
