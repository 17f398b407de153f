// Finds the compilers and linters of packages, which are installed in this folder and not in the root.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { requirePeer } from '../runner/suite.js';

const folder = fileURLToPath(new URL('../../../test/package/node_modules/', import.meta.url));

/** The path of a file of a package; ends the test if the package is not installed. */
export function checkerPath(path: string): string {
  requirePeer(existsSync(folder + path), `${path} is missing: npm ci --prefix test/package`);
  return folder + path;
}
