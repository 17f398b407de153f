// The lines that were typed at the prompt, kept from one session to the next.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

const MAX_LINES = 1000;

/** A longer line, such as a pasted file, is nothing to look for again. */
const MAX_LINE_LENGTH = 4096;

/** By the XDG Base Directory Specification: "All paths set in these environment variables must be absolute." */
export function historyPath({ XDG_STATE_HOME: folder = '' }: NodeJS.ProcessEnv, home = homedir()): string {
  return join(isAbsolute(folder) ? folder : join(home, '.local', 'state'), 'twobyte', 'history');
}

/** The newest first; none if there is no file that can be read. */
export function readHistory(path: string): string[] {
  try {
    return bounded(readFileSync(path, 'utf8').split('\n').reverse());
  } catch {
    return [];
  }
}

/** @param lines the newest first. One who may not write there goes without. */
export function writeHistory(path: string, lines: readonly string[]): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // Messages may hold secrets.
    writeFileSync(path, bounded(lines).reverse().map((line) => `${line}\n`).join(''), { mode: 0o600 });
  } catch {}
}

function bounded(lines: readonly string[]): string[] {
  return lines.filter((line) => line !== '' && line.length <= MAX_LINE_LENGTH).slice(0, MAX_LINES);
}
