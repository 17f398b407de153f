// Installs the dev packages if they are missing, then compiles src, test and bench into dist/, `-p src` src alone; the
// demo's pages are checked and copied.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('.', import.meta.url));
const compiler = fileURLToPath(new URL('node_modules/typescript/bin/tsc', import.meta.url));

function run(command, args, options) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(compiler)) {
  // `npm` is a script with another name on Windows, which only a shell finds. Its own would call this one: `prepare`.
  const parameters = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  run('npm', parameters, { shell: process.platform === 'win32' });
}

// A test that was deleted or renamed must not live on as its compiled file.
rmSync(new URL('dist', import.meta.url), { recursive: true, force: true });
run(process.execPath, [compiler, ...process.argv.slice(2)]);
run(process.execPath, [compiler, '-p', 'src/demo']);
const pages = 'src/demo/pages';
cpSync(new URL(pages, import.meta.url), new URL(`dist/${pages}`, import.meta.url), { recursive: true });
