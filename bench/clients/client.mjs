// What a client of a bench is told, and how it is set to work: a line of input is a run, a line of output its result.
import process from 'node:process';
import { createInterface } from 'node:readline';
import { openDrive } from '../../dist/bench/harness/drive.js';

export const { port, style, ...options } = JSON.parse(process.argv[2]);
export const url = `ws://127.0.0.1:${port}/`;
/** More than any message of a bench has. */
export const MAX_BYTES = 1 << 21;

/** What takes so much longer than it should has lost an echo. */
const PATIENCE_MILLISECONDS = 20_000;

/** Opens the connections and obeys. A connection that fails ends the process, and the bench with it. */
export async function drive(open) {
  // Bun would print what a listener throws, and go on.
  process.on('uncaughtException', fail);
  const run = await limit(openDrive(options, open));
  console.log('open');
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await limit(run(Number(line)), Number(line))));
  }
  process.exit();
}

async function limit(result, milliseconds = 0) {
  const timer = setTimeout(fail, milliseconds + PATIENCE_MILLISECONDS, new Error('an echo has not come'));
  return await result.finally(() => clearTimeout(timer));
}

export function fail(error) {
  console.error(error);
  process.exit(1);
}
