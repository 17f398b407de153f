// This library in eight processes of node:cluster.
import cluster from 'node:cluster';
import { fileURLToPath } from 'node:url';

const PROCESSES = 8;
cluster.setupPrimary({
  exec: fileURLToPath(new URL('twobyte.mjs', import.meta.url)),
  args: process.argv.slice(2),
  silent: true,
});
let listening = 0;
cluster.on('listening', (_worker, { port }) => {
  if (++listening === PROCESSES) console.log(port);
});
for (let count = 0; count < PROCESSES; count++) cluster.fork();
