// Figures for Prometheus at http://127.0.0.1:8000/metrics, of an echo at ws://127.0.0.1:8000/live/.
import { subscribe } from 'node:diagnostics_channel';
import { collectDefaultMetrics, Counter, Gauge, Histogram, register } from 'prom-client';
import { createServer, requireWebSocket } from 'twobyte';

const server = createServer();
server.route('/live/', requireWebSocket(async ({ webSocket }) => {
  for await (const message of webSocket) await webSocket.send(message);
}));
server.route('/metrics', async () => ({
  headers: { 'Content-Type': register.contentType },
  body: await register.metrics(),
}));

// The memory of the process, the delay of its event loop, and more of the kind.
collectDefaultMetrics();

// What the server counts itself is read when Prometheus asks.
new Gauge({
  name: 'twobyte_connections',
  help: 'WebSockets that are open',
  collect() {
    this.set(server.stats.open);
  },
});
total('twobyte_connections_total', 'WebSockets that were opened', ({ opened }) => opened);
total('twobyte_pauses_total', 'How often a peer was stopped, as too much was unread', ({ pauses }) => pauses);
total('twobyte_pings_total', 'Pings that were sent', ({ pings }) => pings);
for (const direction of ['received', 'sent']) {
  const name = `twobyte_${direction}`;
  total(`${name}_messages_total`, `Messages that were ${direction}`, (stats) => stats[direction].messages);
  total(`${name}_bytes_total`, 'Their bytes, before compression', (stats) => stats[direction].bytes);
  total(`${name}_wire_bytes_total`, 'The bytes of all frames', (stats) => stats[direction].wireBytes);
}

function total(name, help, valueOf) {
  new Counter({
    name,
    help,
    collect() {
      this.reset();
      this.inc(valueOf(server.stats));
    },
  });
}

// The rest is counted as it is told. Codes are few; never make a label of what a client can choose.
const refused = new Counter({
  name: 'twobyte_refused_total',
  help: 'Opening handshakes that were refused',
  labelNames: ['code'],
});
subscribe('twobyte:handshake:refused', ({ error }) => refused.inc({ code: error.code }));

const closed = new Counter({
  name: 'twobyte_closed_total',
  help: 'WebSockets that have ended, by their close code',
  labelNames: ['code'],
});
subscribe('twobyte:connection:close', ({ close: { code } }) => closed.inc({ code: code < 3000 ? code : 'own' }));

const errors = new Counter({
  name: 'twobyte_errors_total',
  help: 'What handlers have thrown, and connections that were given up',
  labelNames: ['kind'],
});
subscribe('twobyte:error', ({ error }) => errors.inc({ kind: error?.name ?? 'unknown' }));

const slow = new Counter({ name: 'twobyte_slow_total', help: 'How often a peer did not read what it was sent' });
subscribe('twobyte:slow', ({ direction }) => direction === 'outgoing' && slow.inc());

// Keep-alive pings each connection that is silent: how far away are they?
const roundTrips = new Histogram({
  name: 'twobyte_round_trip_seconds',
  help: 'The latest round trip of each open WebSocket, looked at every 20 s',
  buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
});
setInterval(() => {
  for (const { stats } of server.connections) if (stats.roundTrip !== null) roundTrips.observe(stats.roundTrip / 1000);
}, 20_000).unref();

const { port } = await server.listen(process.env.PORT ?? 8000, '127.0.0.1');
console.log('port', port);
