// Debian's Python, which has Debian's packages.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { requirePeer } from '../runner/suite.js';
import { requireProgram } from './programs.js';

export const PYTHON = '/usr/bin/python3';

/** The command that starts the peer of a library; ends the test if Debian's Python doesn't have it. */
export function findPython(library: string): readonly string[] {
  requireProgram(PYTHON, 'python3');
  const { status } = spawnSync(PYTHON, ['-c', `import ${library}`]);
  requirePeer(status === 0, `${PYTHON} has no ${library}: apt-get install python3-${library}`);
  // From the compiled file to the source folder; -B, for it is not ours to write there.
  return [PYTHON, '-B', fileURLToPath(new URL(`../../../test/interop/python_${library}.py`, import.meta.url))];
}
