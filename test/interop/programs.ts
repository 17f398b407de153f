// Finds the peers that come as programs of the system.
import { existsSync } from 'node:fs';
import { delimiter } from 'node:path';
import { requirePeer } from '../runner/suite.js';

/** A `PATH` without it hides all programs, so that the tests can be tried as if on a machine that has none. */
const isHidden = !process.env['PATH']?.split(delimiter).includes('/usr/bin');

/**
 * Ends the test if the program is not there.
 * @param path where Debian puts it: the first of that name in `PATH` may be another, without Debian's libraries.
 * @param name the name of Debian's package.
 */
export function requireProgram(path: string, name: string): void {
  requirePeer(!isHidden && existsSync(path), `${path} is missing: apt-get install ${name}`);
}
