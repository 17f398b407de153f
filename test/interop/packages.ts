// Finds the peers that come as packages, which are installed in this folder and not in the root, and our scripts.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { requirePeer } from '../runner/suite.js';

/** The path of a file of `test/interop`, seen from the compiled file. */
export function sourcePath(path: string): string {
  return fileURLToPath(new URL(`../../../test/interop/${path}`, import.meta.url));
}

/** The path of a file of a package; ends the test if the package is not installed. */
export function packagePath(path: string): string {
  const found = sourcePath(`node_modules/${path}`);
  requirePeer(existsSync(found), `${path} is missing: npm ci --prefix test/interop`);
  return found;
}
