// Programs of how-to pages that need more than a port: certificates that are renewed, several processes on one port.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as assert from 'uvu/assert';
import { connect } from '../../src/index.js';
import { canReusePort } from '../../src/server/listen-options.js';
import { run } from '../cli/harness.js';
import { suite } from '../runner/suite.js';
import { makeCertificate } from '../support/make-certificate.js';

const test = suite('how-to', { timeout: 60_000 });

const library = new URL('../../src/index.js', import.meta.url).href;

let folder: string;
const children: ChildProcess[] = [];

test.before.each(() => {
  folder = mkdtempSync(join(tmpdir(), 'how-to-'));
});

test.after.each(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit');
  }
  rmSync(folder, { recursive: true });
});

/** The fences of JavaScript in a page, in order. */
function programsOf(page: string): string[] {
  const text = readFileSync(new URL(`../../../docs/how-to/${page}`, import.meta.url), 'utf8');
  return Array.from(text.matchAll(/^```js\n([^]*?)^```/gm), ([, code]) => code!);
}

/** What a page says, for a machine of tests: each text has to be there. */
function adapt(code: string, changes: Readonly<Record<string, string>>): string {
  return Object.entries(changes).reduce((changed, [from, to]) => {
    assert.ok(changed.includes(from), `${from} in ${code}`);
    return changed.replace(from, to);
  }, code);
}

/** Starts a program that has a `server`; whoever connects is told its process. */
async function start(code: string): Promise<{ child: ChildProcess; answer: unknown }> {
  const file = join(folder, 'program.mjs');
  writeFileSync(file, `${code}
    const { requireWebSocket } = await import('${library}');
    server.route('/', requireWebSocket(({ webSocket }) => webSocket.send(String(process.pid))));
    process.send(server.address());
  `);
  const child = fork(file, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  children.push(child);
  const failed = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the program has ended with ${code}`)));
  const [answer] = await Promise.race([once(child, 'message'), failed]);
  failed.catch(() => {});
  return { child, answer };
}

test('tls.md: a server, a new certificate, a broken one, a client, and the command', async () => {
  const [server = '', client = ''] = programsOf('tls.md');
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  const renew = ({ key, cert }: { key: string; cert: string }): void => {
    write('privkey.pem', key);
    write('fullchain.pem', cert);
  };
  const old = makeCertificate('old', 1);
  const renewed = makeCertificate('renewed', 2);
  renew(old);
  const { child, answer } = await start(adapt(server, {
    "'twobyte'": JSON.stringify(library),
    "'/etc/letsencrypt/live/example.com'": JSON.stringify(folder),
    'listen(443)': "listen(0, '127.0.0.1')",
  }));
  const url = `wss://127.0.0.1:${(answer as { port: number }).port}/`;

  // The client of the page.
  write('authority.pem', old.cert);
  write('client.mjs', adapt(client, {
    'wss://internal.example/': url,
    authority: join(folder, 'authority').replaceAll('\\', '/'),
  }).replace(/^/, `import { readFileSync } from 'node:fs';\nimport { connect } from '${library}';\nexport `));
  const { connection } = await import(pathToFileURL(join(folder, 'client.mjs')).href);
  assert.is(await connection.wait(), String(child.pid));
  const shown = await run(['connect', url, '--ca', join(folder, 'authority.pem'), '-v', '--once']);
  assert.equal([shown.code, shown.output], [0, `${child.pid}\n`]);

  // Whether a client that trusts only this certificate gets through.
  const isTrusted = ({ cert }: { cert: string }): Promise<boolean> => (
    connect(url, { tls: { ca: cert } }).then(({ closed }) => closed.then(() => true), () => false)
  );
  const until = async (isDone: () => Promise<boolean>): Promise<void> => {
    for (let left = 1000; left > 0 && !(await isDone()); left--);
    assert.ok(await isDone());
  };
  renew(renewed);
  child.kill('SIGHUP');
  await until(() => isTrusted(renewed));
  assert.is(await isTrusted(old), false);

  let errors = '';
  child.stderr!.setEncoding('utf8').on('data', (text) => (errors += text));
  write('fullchain.pem', 'nonsense');
  child.kill('SIGHUP');
  await once(child.stderr!, 'data');
  assert.match(errors, /^the old certificate stays: /);
  assert.is(await isTrusted(renewed), true);
});

test('processes.md: two processes on one port, each of which gets connections', async () => {
  const [listen = ''] = programsOf('processes.md');
  const prelude = `import { createServer } from '${library}';\nconst server = createServer();\n`;
  const program = (port: number): string => prelude + adapt(listen, { 8000: String(port), '0.0.0.0': '127.0.0.1' });
  if (!(await canReusePort())) {
    const refused = program(0).replace(/await (server.*);/, 'const refused = await $1.catch((error) => error);');
    const { answer } = await start(`${refused}\nserver.address = () => refused.code;`);
    assert.is(answer, 'REUSE_PORT_UNSUPPORTED');
    return;
  }
  const first = await start(program(0));
  const { port } = first.answer as { port: number };
  const second = await start(program(port));
  const seen = new Set<unknown>();
  for (let left = 1000; left > 0 && seen.size < 2; left--) {
    await using connection = await connect(`ws://127.0.0.1:${port}/`);
    seen.add(Number(await connection.wait()));
  }
  assert.equal([...seen].sort(), [first.child.pid, second.child.pid].sort());
});

test.run();
