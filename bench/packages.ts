// The packages that benches compare with and draw with: they are installed in this folder, and not in the root.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The path of a file of `bench`, seen from the compiled file. */
export function benchPath(path: string): string {
  return fileURLToPath(new URL(`../../bench/${path}`, import.meta.url));
}

/** Installs the packages of `bench/package.json` if they are missing. */
export function installPackages(): void {
  if (existsSync(benchPath('node_modules/vega'))) return;
  console.log('installing the packages of bench/package.json …');
  // `npm` is a script with another name on Windows, which only a shell finds.
  const { status, error } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--prefix', benchPath('.')], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (error) throw error;
  if (status !== 0) throw new Error('npm ci has failed in bench; see above');
}
