// Answers that survive a reload and a deploy: `node examples/start.js tokens`, then http://127.0.0.1:8000/
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createClient } from 'redis';
import { createFeeds, createServer, serveFeed } from 'twobyte';
import { redisLog } from 'twobyte/redis';
import { complete } from './model.js';

/** Milliseconds after which another process goes on with the answers of one that was killed. */
const LEASE_TIME = 5000;
/** A hash of Redis: by id, the questions that are not answered yet. */
const UNANSWERED = 'tokens:unanswered';

const client = await createClient({ url: process.env.REDIS_URL }).on('error', console.error).connect();
const answers = createFeeds({ log: (id) => redisLog(client, `tokens:answer:${id}`, { keep: 10_000 }) });
const page = await readFile(new URL('index.html', import.meta.url));
const isId = (id) => /^[0-9a-f]{32}$/.test(id);
const working = new Set();
let isEnding = false;

const server = createServer({ maxBodyBytes: 8192 });
server.route('/', () => ({ headers: { 'Content-Type': 'text/html; charset=utf-8' }, body: page }));
server.route('/answers/:id', serveFeed(({ params }) => answers.feed(params.id), {
  authorize: ({ params }) => isId(params.id),
}));

// The id is the page's, which asks the same again if it gets no answer.
server.route('/ask', async (request) => {
  if (request.method !== 'POST' || request.headers.get('content-type') !== 'application/json') return { status: 415 };
  const { id, question } = await request.body().then(JSON.parse).catch(() => null) ?? {};
  if (!isId(id) || typeof question !== 'string' || question.length > 1000) return { status: 400 };
  await client.hSetNX(UNANSWERED, id, question);
  work(id, question);
});

function work(id, question) {
  const answered = answer(id, question).catch(console.error).finally(() => working.delete(answered));
  working.add(answered);
}

/** Says what is left to say, unless another process does. */
async function answer(id, question) {
  const [by, lease, feed] = [`${process.pid}-${randomUUID()}`, `tokens:lease:${id}`, answers.feed(id)];
  if (isEnding || await client.set(lease, by, { NX: true, PX: LEASE_TIME }) === null) return;
  const renewing = setInterval(() => client.pExpire(lease, LEASE_TIME).catch(console.error), LEASE_TIME / 3);
  try {
    // After this, only our tokens count: whoever has lost the lease, and doesn't know it yet, can do no harm.
    const beginning = await feed.publish({ by, question });
    const said = [];
    let writer = null;
    for await (const { id: place, value } of feed.from('all')) {
      if ('question' in value) writer = value.by;
      else if (value.by === writer) said.push(value.token);
      if (place === beginning) break;
    }
    for await (const token of said.at(-1) === null ? [] : complete(question, said)) {
      await feed.publish({ by, token });
      if (isEnding) return await client.del(lease);
      if (await client.get(lease) !== by) return;
    }
    await client.hDel(UNANSWERED, id);
    await client.expire(`tokens:answer:${id}`, 86_400); // a day
  } finally {
    clearInterval(renewing);
  }
}

// What another process has begun, and may not end.
setInterval(async () => {
  for (const [id, question] of Object.entries(await client.hGetAll(UNANSWERED).catch(() => ({})))) work(id, question);
}, 1000);

async function end() {
  isEnding = true;
  setTimeout(() => process.exit(1), 10_000); // if Redis is away
  await Promise.all(working);
  answers.end();
  await server.close({ code: 1012, timeout: 5000 });
  process.exit();
}
process.once('SIGTERM', end).once('SIGINT', end);
console.log('port', (await server.listen(process.env.PORT ?? 8000, '127.0.0.1')).port);
