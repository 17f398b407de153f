// Runs chat, prices or tokens as in the world: a broker, and two processes behind nginx. `node examples/start.js chat`
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const BROKERS = { chat: 'redis-server', prices: 'nats-server', tokens: 'redis-server' };

const name = process.argv[2] ?? '';
if (!Object.hasOwn(BROKERS, name)) {
  console.error(`usage: node examples/start.js ${Object.keys(BROKERS).join('|')}`);
  process.exit(1);
}
const pathOf = (file) => fileURLToPath(new URL(`${name}/${file}`, import.meta.url));
const folder = await mkdtemp(join(tmpdir(), `twobyte-${name}-`));
const running = new Set();
let isEnding = false;

function run(program, parameters, environment = {}) {
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin`, ...environment }; // where Debian has nginx
  const child = spawn(program, parameters.map(String), { env, stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

/** Starts a program without which nothing works, and waits until it listens. */
async function start(program, port, ...parameters) {
  const child = run(program, parameters);
  child.once('error', () => end(`${program} is missing: apt-get install ${program}`));
  child.once('exit', () => end(`${program} has ended`));
  child.stdout.resume();
  while (!(await isListening(port))) await sleep(20);
}

async function isListening(port) {
  const socket = connect(port, '127.0.0.1');
  return once(socket, 'connect').then(() => true, () => false).finally(() => socket.destroy());
}

/** Not one that the system gives to whoever asks for any: it has to be free when a process is started again on it. */
async function findPort() {
  for (;;) {
    const port = randomInt(10_000, 32_768);
    const probe = createServer().listen(port, '127.0.0.1');
    if (!(await once(probe, 'listening').then(() => true, () => false))) continue;
    await once(probe.close(), 'close');
    return port;
  }
}

/** A process of the example. When it has ended, another takes its place, on the same port. */
class Kept extends EventEmitter {
  async run(title, file, environment) {
    this.port = await findPort();
    for (; !isEnding; await sleep(500)) {
      this.child = run(process.execPath, [pathOf(file)], { ...environment, PORT: this.port });
      for await (const line of createInterface({ input: this.child.stdout })) {
        console.log(`${title}, process ${this.child.pid}: ${line}`);
        this.emit('ready');
      }
      console.log(`${title}, process ${this.child.pid}: has ended`);
    }
  }
}

/** The servers end first: they have something to finish, and need the others for it. */
async function end(problem = '') {
  if (isEnding) return;
  isEnding = true;
  if (problem !== '') console.error(problem);
  const isServer = ({ spawnfile }) => spawnfile === process.execPath;
  for (const group of [[...running].filter(isServer), running]) {
    await Promise.all(Array.from(group, (child) => child.kill() && once(child, 'close')));
  }
  await rm(folder, { recursive: true, force: true });
  process.exit(problem === '' ? 0 : 1);
}

process.once('SIGINT', () => end()).once('SIGTERM', () => end());

const brokerPort = await findPort();
const environment = { REDIS_URL: `redis://127.0.0.1:${brokerPort}`, NATS_URL: `127.0.0.1:${brokerPort}` };
await start(BROKERS[name], brokerPort, ...(BROKERS[name] === 'redis-server'
  ? ['--port', brokerPort, '--bind', '127.0.0.1', '--dir', folder, '--appendonly', 'yes', '--save', '']
  : ['-js', '-sd', folder, '-p', brokerPort, '-a', '127.0.0.1', '-l', join(folder, 'log')]));

const servers = [new Kept(), new Kept()];
servers.forEach((server, index) => void server.run(`server ${index + 1}`, 'server.js', environment));
await Promise.all(servers.map((server) => once(server, 'ready')));
if (existsSync(pathOf('publisher.js'))) void new Kept().run('publisher', 'publisher.js', environment);

const port = Number(process.env.PORT ?? 8000) || await findPort();
await writeFile(join(folder, 'nginx.conf'), `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr crit;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  upstream servers {
${servers.map((server) => `    server 127.0.0.1:${server.port} max_fails=0;`).join('\n')}
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://servers;
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }
}
`);
await start('nginx', port, '-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr');
console.log(`http://127.0.0.1:${port}/`);
console.log(`port ${port}`);

// A deploy: one process after the other.
process.on('SIGHUP', async () => {
  for (const server of servers) {
    server.child.kill();
    await once(server, 'ready');
  }
});
