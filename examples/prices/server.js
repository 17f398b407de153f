// Live prices, of which a slow reader gets the newest: `node examples/start.js prices`, then http://127.0.0.1:8000/
import { readFile } from 'node:fs/promises';
import { createServer, requireWebSocket } from 'twobyte';
import { prices, symbols } from './feeds.js';

const page = await readFile(new URL('index.html', import.meta.url));
const latest = new Map();
const readers = new Set();

const server = createServer();
server.route('/', () => ({ headers: { 'Content-Type': 'text/html; charset=utf-8' }, body: page }));
server.route('/symbols/', () => JSON.stringify(symbols));

server.route('/prices/', requireWebSocket(async ({ webSocket }) => {
  const reader = { webSocket, wanted: new Set(), unsent: new Set(), isReady: false };
  readers.add(reader);
  try {
    for await (const message of webSocket) {
      const wish = parse(message);
      if (wish === null) return await webSocket.close(1008, 'send {"subscribe":[],"unsubscribe":[],"next":true}');
      for (const symbol of wish.subscribe) {
        reader.wanted.add(symbol);
        offer(reader, symbol);
      }
      for (const symbol of wish.unsubscribe) [reader.wanted, reader.unsent].forEach((set) => set.delete(symbol));
      reader.isReady ||= wish.next;
      send(reader);
    }
  } finally {
    readers.delete(reader);
  }
}, { maxMessageBytes: 4096 }));

/** What a client sends: which symbols it wants from now on, or no more, and whether it is ready for prices. */
function parse(message) {
  try {
    const { subscribe = [], unsubscribe = [], next = false } = JSON.parse(message);
    const isKnown = [...subscribe, ...unsubscribe].every((symbol) => symbols.includes(symbol));
    return isKnown ? { subscribe, unsubscribe, next: next === true } : null;
  } catch {
    return null;
  }
}

function offer(reader, symbol) {
  if (!reader.wanted.has(symbol) || !latest.has(symbol)) return;
  reader.unsent.add(symbol);
  send(reader);
}

/** One message each time that the client is ready: the newest price of all that have changed. */
function send(reader) {
  if (!reader.isReady || reader.unsent.size === 0) return;
  const news = Array.from(reader.unsent, (symbol) => [symbol, latest.get(symbol)]);
  void reader.webSocket.send(JSON.stringify(Object.fromEntries(news)));
  reader.unsent.clear();
  reader.isReady = false;
}

symbols.forEach(async (symbol) => {
  for await (const { value } of prices.feed(symbol).from('latest')) {
    latest.set(symbol, value);
    for (const reader of readers) offer(reader, symbol);
  }
});

async function end() {
  await server.close({ code: 1012, timeout: 5000 });
  process.exit();
}
process.once('SIGTERM', end).once('SIGINT', end);
console.log('port', (await server.listen(process.env.PORT ?? 8000, '127.0.0.1')).port);
