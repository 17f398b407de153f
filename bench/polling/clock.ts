// The clock that all processes of the study share.
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds of the monotonic clock, which is the machine's and not the process's (`CLOCK_MONOTONIC`). */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Returns at that time, or at once if it has passed. */
export async function sleepUntil(time: number): Promise<void> {
  for (let left = time - now(); left > 0; left = time - now()) await sleep(Math.ceil(left));
}
