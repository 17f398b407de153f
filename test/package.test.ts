// A stranger installs the tarball into an empty project, and every program of the documents does there what they say.
import { rejects } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import * as twobyte from '../src/index.js';
import { Stranger } from './package/stranger.js';
import { suite } from './runner/suite.js';
import { extractSnippets } from './support/snippets.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

function listDocuments(): string[] {
  const guides = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' });
  const documents = ['README.md', ...guides.map((name) => `docs/${name.replaceAll('\\', '/')}`)];
  return documents.filter((path) => path.endsWith('.md') && !path.includes('node_modules/'));
}

/** A document about servers of `node:net`, to try the machinery by itself. Each quote stands for a backtick. */
const fixture = extractSnippets('fixture.md', `
<!-- prints: 3 -->
'''ts
const sum: number = 1 + 2;
console.log(sum);
'''
<!-- expect: GET / 200 "one" -->
'''ts
import { createServer } from 'node:net';
createServer((socket) => {
  socket.once('data', () => socket.end('HTTP/1.1 200 OK\\r\\nContent-Length: 3\\r\\n\\r\\none'));
}).listen(8000, '127.0.0.1');
'''
<!-- prints: HTTP/1.1 200 OK -->
'''ts
import { connect } from 'node:net';
const socket = connect(8000, '127.0.0.1');
socket.on('error', (error) => console.log(error.message)).end('x');
for await (const chunk of socket) console.log(String(chunk).split('\\r\\n')[0]);
'''
<!-- prints: 4 -->
'''ts
console.log(3);
'''
<!-- prints: 3 -->
'''ts
const sum: string = 3;
console.log(sum);
'''
<!-- prints: 3 -->
'''ts
console.log(3);
process.exitCode = 1;
'''
'''ts
console.log(3);
'''
<!-- expect: GET / 200 -->
'''ts
console.log('about to fail'); throw new Error(String(8000));
'''
<!-- expect: GET / 404 -->
'''ts
import { createServer } from 'node:net';
createServer((socket) => {
  socket.once('data', () => socket.end('HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n'));
}).listen(8000, '127.0.0.1');
'''
<!-- prints: 3 -->
'''ts
import { nothing } from 'twobyte';
console.log(nothing);
'''
<!-- prints: ${Object.keys(twobyte).sort().join(' ')} -->
'''ts
import * as twobyte from 'twobyte';
console.log(Object.keys(twobyte).sort().join(' '));
'''
`.replaceAll("'''", '```'));

const snippets = listDocuments().flatMap((path) => extractSnippets(path, readFileSync(join(root, path), 'utf8')));

let stranger: Stranger;

const project = suite('package');

project.before(async () => {
  stranger = await Stranger.create();
  await stranger.compile([...fixture, ...snippets]);
});

project.after(() => stranger?.[Symbol.asyncDispose]());

project('the tarball holds what is compiled, for import and for require, pages and documents', () => {
  const paths = readdirSync(join(stranger.folder, 'node_modules/twobyte'), { recursive: true, encoding: 'utf8' });
  const files = paths.map((path) => path.replaceAll('\\', '/')).filter((path) => /\.[a-z]+$|^[A-Z]+$/.test(path));
  const texts = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'docs/api.md', 'docs/how-to/proxies.md'];
  for (const path of texts) {
    assert.ok(files.includes(path), path);
  }
  for (const path of ['dist/src/index.js', 'dist/src/index.d.ts', 'dist/src/cli.js', 'index.cjs', 'index.d.cts']) {
    assert.ok(files.includes(path), path);
  }
  assert.ok(files.includes('dist/src/demo/pages/home/index.html'));
  const known = new RegExp(`^(?:${[
    'package\\.json', '[A-Z]+(?:\\.md)?', 'docs/.*\\.md', '(?:index|events)\\.(?:cjs|d\\.cts)',
    'dist/src/.*\\.(?:js|d\\.ts)',
    'dist/src/demo/pages/\\w+/.*\\.(?:html|css|svg)',
  ].join('|')})$`);
  assert.equal(files.filter((path) => !known.test(path)), []);
});

project('the tarball has at most 400 kB', () => {
  const { size } = statSync(stranger.tarball);
  assert.ok(size <= 400_000, `${size} bytes`);
});

project('no file points to a source map that is not there', () => {
  const index = readFileSync(join(stranger.folder, 'node_modules/twobyte/dist/src/index.js'), 'utf8');
  assert.not.match(index, 'sourceMappingURL');
});

project('require gives what import gives, and no warning', async () => {
  const path = join(stranger.folder, 'require.cjs');
  const compare = (name: string): string =>
    `import('${name}').then((imported) => console.log(imported === require('${name}')));`;
  writeFileSync(path, compare('twobyte') + compare('twobyte/events'));
  assert.equal(await run(process.execPath, [path]), { stdout: 'true\ntrue\n', stderr: '' });
});

project('nothing else was installed', () => {
  const names = readdirSync(join(stranger.folder, 'node_modules'));
  assert.equal(names.sort(), ['.bin', '.package-lock.json', '@types', 'twobyte']);
});

project('its declarations are sound in a strict project', () => {
  assert.equal(stranger.foreignComplaints, []);
});

project('the command can be started', () => {
  const command = readFileSync(join(stranger.folder, 'node_modules/.bin/twobyte'), 'utf8');
  assert.match(command, /^#!\/usr\/bin\/env node\n/);
});

for (const [name, index, problem] of [
  ['a program that prints', 0, null],
  ['a server', 1, null],
  ['a client of the server above it', 2, null],
  ['it prints something else', 3, /print:\n4\nit printed:\n3\nand its exit code was 0/],
  ['a type error', 4, /^snippet-fixture-md-\d+\.ts\(1,7\): error TS2322/],
  ['an exit code', 5, /and its exit code was 1/],
  ['no promise', 6, /^say in a comment/],
  ['a server that fails to start', 7, /^the server printed:\nabout to fail\n/],
  ['a server that answers otherwise', 8, /^the server printed:\n/],
  ['a name that the package does not have', 9, /error TS2305/],
  ['the public names', 10, null],
] as const) {
  project(`the machinery: ${name}`, async () => {
    const snippet = fixture[index]!;
    if (problem === null) await stranger.runSnippet(snippet);
    else await rejects(stranger.runSnippet(snippet), { message: problem });
  });
}

for (const snippet of snippets) {
  project(snippet.name, () => stranger.runSnippet(snippet));
}

project.run();
