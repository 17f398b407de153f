// What a process has cost so far, read from outside, so that every runtime is measured in the same way. Linux only.
import { readdirSync, readFileSync } from 'node:fs';

/** Microseconds of CPU time of all threads of a process: exact, where `utime` and `stime` count in steps of 10 ms. */
export function cpuMicroseconds(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    // proc(5), schedstat: "time spent on the cpu (in nanoseconds)" comes first.
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]);
  }
  return nanoseconds / 1000;
}

/** Bytes of memory that the process has in RAM. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) * 1024;
}
