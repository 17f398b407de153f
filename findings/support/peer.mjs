// What the findings share: a WebSocket server by hand (RFC 6455), pages that report to it, and the verdict.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const started = [];
let finished = false;
setTimeout(() => finish('CHANGED, or a slow machine: not done within 90 s'), 90_000);
process.once('SIGTERM', () => finish('stopped')).once('SIGINT', () => finish('stopped'));
process.once('uncaughtException', (error) => finish(error.stack));

/** One whole frame, without a mask as a server sends it. */
export function frame(opcode, payload = '') {
  const bytes = Buffer.from(payload);
  return Buffer.concat([frameHeader(opcode, bytes.length), bytes]);
}

export function frameHeader(opcode, length) {
  if (length < 126) return Buffer.from([0x80 | opcode, length]);
  const header = Buffer.alloc(10);
  header.set([0x80 | opcode, 127]);
  header.writeBigUInt64BE(BigInt(length), 2);
  return header;
}

/** A Close with a code (RFC 6455 §5.5.1). */
export function closeFrame(code) {
  return frame(0x8, [code >> 8, code & 0xff]);
}

/** Calls `listener` with the opcode and the unmasked payload of each frame of less than 64 KiB. */
export function onFrame(socket, listener) {
  let bytes = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    for (;;) {
      if (bytes.length < 2) return;
      let start = 2;
      let length = bytes[1] & 0x7f;
      if (length === 126) {
        if (bytes.length < 4) return;
        length = bytes.readUInt16BE(2);
        start = 4;
      }
      const masked = bytes[1] > 0x7f;
      const key = masked ? bytes.subarray(start, start + 4) : [0, 0, 0, 0];
      if (masked) start += 4;
      if (bytes.length < start + length) return;
      const payload = Buffer.from(bytes.subarray(start, start + length)).map((byte, index) => byte ^ key[index & 3]);
      const opcode = bytes[0] & 0x0f;
      bytes = bytes.subarray(start + length);
      listener({ opcode, masked, payload, code: opcode === 0x8 && length > 1 ? payload.readUInt16BE(0) : 1005 });
    }
  });
}

/**
 * Serves pages and WebSockets on loopback.
 * @param pages HTML by path; each may call `report(value)`, whose promise is fulfilled once `onReport` has been.
 * @returns the origin, without its scheme.
 */
export async function serve({ pages = {}, onSocket, onReport }) {
  const helper = `<script>
    const report = (value) => fetch('/report', { method: 'POST', body: JSON.stringify(value) });
    const connect = (path) => new WebSocket('ws://' + location.host + path);
  </script>`;
  const server = createServer(async (request, response) => {
    if (request.method === 'POST') {
      let body = '';
      for await (const chunk of request) body += chunk;
      await onReport(JSON.parse(body));
    }
    response.setHeader('Content-Type', 'text/html');
    response.end(request.url in pages ? `<!doctype html>${helper}${pages[request.url]}` : '');
  });
  server.on('upgrade', (request, socket) => {
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket.on('error', () => {});
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    onSocket(socket, request.url);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `127.0.0.1:${server.address().port}`;
}

/** Starts a program that ends when this process does. */
export function start(command, ...args) {
  const child = spawn(command, args, { stdio: 'ignore', detached: true });
  child.once('error', (error) => finish(error.message));
  child.once('exit', () => finish(`${command} has ended too early`));
  started.push(child);
  return child;
}

export function openChromium(url) {
  const profile = `--user-data-dir=${process.env.scratch}/profile`;
  start('chromium', '--headless', '--no-sandbox', '--no-first-run', profile, url);
}

export function openWebKit(url) {
  const files = execFileSync('dpkg', ['--listfiles', 'libwebkit2gtk-4.1-0'], { encoding: 'utf8' }).split('\n');
  start('xvfb-run', '--auto-servernum', files.find((file) => file.endsWith('/MiniBrowser')), url);
}

/** Ends with 0 if `seen` is what the finding states, else with 1. */
export function compare(seen, stated) {
  console.log(`seen: ${seen}`);
  return finish(seen === stated ? null : `CHANGED: the finding states ${stated}`);
}

async function finish(problem) {
  if (finished) return;
  finished = true;
  if (problem !== null) console.error(problem);
  for (const child of started) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) continue;
    const exited = once(child, 'exit');
    process.kill(-child.pid);
    await Promise.race([exited, sleep(5_000)]);
  }
  process.exit(problem === null ? 0 : 1);
}
