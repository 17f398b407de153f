// Files of any size, each in one message, that go on where they broke off: http://127.0.0.1:8000/
import { createHash } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { createServer, requireWebSocket } from 'twobyte';

const MAX_FILE_BYTES = 10 * 2 ** 30;
/** Milliseconds between two reports of how much has come. */
const REPORT_INTERVAL = 100;

const folder = process.env.UPLOADS ?? join(tmpdir(), 'uploads');
await mkdir(folder, { recursive: true });
const page = await readFile(new URL('index.html', import.meta.url));

/** By path, the upload that writes there: its connection, and when it is done with the file. */
const uploads = new Map();

const server = createServer();
server.route('/', () => ({ headers: { 'Content-Type': 'text/html; charset=utf-8' }, body: page }));

server.route('/upload/', requireWebSocket(async ({ webSocket }) => {
  const file = describe(await webSocket.wait());
  if (file === null) return await webSocket.close(1008, 'tell the name, size and modified of a file first');
  if (file.size > MAX_FILE_BYTES) return await webSocket.close(1009, 'the file is too large');
  const before = uploads.get(file.path);
  // Whoever begins again has given the other up, which may not have noticed yet.
  before?.webSocket.terminate();
  const isFree = before?.done.catch(() => {});
  const upload = { webSocket, done: Promise.resolve(isFree).then(() => receive(webSocket, file)) };
  uploads.set(file.path, upload);
  try {
    await upload.done;
  } finally {
    if (uploads.get(file.path) === upload) uploads.delete(file.path);
  }
}, { maxStreamedBytes: MAX_FILE_BYTES, deflate: false }));

/** What the client tells of its file; the same file has the same path. */
function describe(message) {
  try {
    const { name, size, modified } = JSON.parse(message);
    if (typeof name !== 'string' || !Number.isSafeInteger(size) || size < 0) return null;
    const hash = createHash('sha256').update(JSON.stringify([name, size, modified])).digest('hex').slice(0, 32);
    return { size, path: join(folder, hash + extname(name).replace(/[^.\w]/g, '').slice(0, 16)) };
  } catch {
    return null;
  }
}

/** Takes what is missing of the file; what has come stays, whatever happens then. */
async function receive(webSocket, { path, size }) {
  const output = await open(path, 'a');
  try {
    let received = (await output.stat()).size;
    const report = () => webSocket.send(JSON.stringify({ received }));
    await report();
    const message = received < size ? await webSocket.receive() : null;
    if (message === null) return;
    let reportedAt = performance.now();
    for await (const chunk of message.chunks) {
      if (received + chunk.length > size) return await webSocket.close(1008, 'that is more than the file has');
      await output.appendFile(chunk);
      received += chunk.length;
      if (performance.now() - reportedAt < REPORT_INTERVAL) continue;
      reportedAt = performance.now();
      await report();
    }
    await report();
  } finally {
    await output.close();
  }
}

const { port } = await server.listen(process.env.PORT ?? 8000, '127.0.0.1');
console.log('port', port);
