// Rooms with a history, on any number of processes: `node examples/start.js chat`, then http://127.0.0.1:8000/
import { readFile } from 'node:fs/promises';
import { createClient } from 'redis';
import { createFeeds, createServer, serveFeed } from 'twobyte';
import { redisLog } from 'twobyte/redis';
import { createPresence } from './presence.js';

const client = await createClient({ url: process.env.REDIS_URL }).on('error', console.error).connect();
const messages = createFeeds({ log: (room) => redisLog(client, `chat:messages:${room}`, { keep: 100 }) });
const presence = createPresence(redisLog(client, 'chat:presence', { keep: 100 }));
const page = await readFile(new URL('index.html', import.meta.url));

const isRoom = ({ room }) => /^[\w-]{1,30}$/.test(room);
const isText = (value, maxLength) => typeof value === 'string' && value.trim() !== '' && value.length <= maxLength;

const server = createServer({ maxBodyBytes: 8192 });
server.route('/', () => ({ headers: { 'Content-Type': 'text/html; charset=utf-8' }, body: page }));

server.route('/rooms/:room/messages', serveFeed(({ params }) => messages.feed(params.room), {
  authorize: ({ params }) => isRoom(params),
}));

// Whoever reads this feed is in its lists; by WebSocket only, because its end is always noticed.
server.route('/rooms/:room/people', serveFeed(({ params }) => presence.list(params.room), {
  authorize: ({ params, query, headers }) => isRoom(params) && isText(query.get('name'), 30) && headers.has('upgrade'),
  filter: ({ params, query, signal }) => presence.enter(params.room, query.get('name'), signal) ?? null,
  start: 'latest', slow: 'latest',
}));

server.route('/rooms/:room/say', async (request) => {
  // The page of another site can't send this type.
  if (request.method !== 'POST' || request.headers.get('content-type') !== 'application/json') return { status: 415 };
  const { key, name, text } = await request.body().then(JSON.parse).catch(() => null) ?? {};
  if (!isRoom(request.params) || !isText(key, 40) || !isText(name, 30) || !isText(text, 1000)) return { status: 400 };
  await messages.feed(request.params.room).publish({ key, name, text, at: Date.now() });
});

async function end() {
  presence.end();
  messages.end();
  await server.close({ code: 1012, timeout: 5000 });
  process.exit();
}
process.once('SIGTERM', end).once('SIGINT', end);
console.log('port', (await server.listen(process.env.PORT ?? 8000, '127.0.0.1')).port);
