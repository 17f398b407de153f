// `npm run bench -- NAME`: runs one bench, or lists them.

/** Each bench: its module, and what it tells. */
const benches: Readonly<Record<string, readonly [module: string, description: string]>> = {
  echo: ['./cases/echo.js', 'what an echo costs the server'],
  http2: ['./cases/http2.js', 'what an echo costs the server over HTTP/2'],
  client: ['./cases/client.js', 'what an echo costs the client'],
  broadcast: ['./cases/broadcast.js', 'what it costs to send to everyone'],
  feed: ['./cases/feed.js', 'what a feed costs that many read, beside broadcast'],
  log: ['./cases/log.js', 'what a log in Redis or NATS costs, beside their clients alone'],
  chaos: ['./cases/chaos.js', 'whether a feed in Redis or NATS loses anything in a minute of chaos'],
  connect: ['./cases/connect.js', 'what an opening handshake costs, over TCP and TLS'],
  memory: ['./cases/memory.js', 'what an open connection costs in memory'],
  slow: ['./cases/slow.js', "what a slow reader does to the server's memory"],
  stream: ['./cases/stream.js', 'what a message costs that is larger than memory, in CPU and memory'],
  scale: ['./cases/scale.js', '20,000 connections in one process, 100,000 in eight'],
  deflate: ['./cases/deflate.js', 'what permessage-deflate costs in CPU, bytes and memory'],
  generator: ['./cases/generator.js', 'whether `twobyte bench` sees what a native generator sees'],
  profile: ['./cases/profile.js', "where a server's CPU time goes"],
  codec: ['./cases/codec.js', 'whether each clever part of the frame codec pays'],
  all: ['./report/all.js', 'all that docs/performance.md shows, on every runtime, and puts it there'],
  performance: ['./report/performance.js', 'puts the results into docs/performance.md'],
};

const [name = ''] = process.argv.slice(2);

if (Object.hasOwn(benches, name)) {
  await import(benches[name]![0]);
} else {
  const lines = Object.entries(benches).map(([each, [, description]]) => `  ${each.padEnd(12)} ${description}`);
  console.error(`usage: npm run bench -- NAME [OPTION…]\n\n${lines.join('\n')}`);
  process.exitCode = 1;
}
