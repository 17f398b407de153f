// What a process has cost so far, read from outside, so that every runtime is measured in the same way. Linux only.
import { readdirSync, readFileSync } from 'node:fs';

/** Microseconds of CPU time of all threads of a process and of the processes that it has started. */
export function cpuMicroseconds(pid: number): number {
  return sumOver(pid, threadMicroseconds);
}

/** Bytes of memory that the process, and those that it has started, have in RAM. */
export function residentBytes(pid: number): number {
  return sumOver(pid, (each) => {
    const status = readFileSync(`/proc/${each}/status`, 'latin1');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) * 1024;
  });
}

function sumOver(pid: number, measure: (pid: number) => number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter((each) => each !== '');
  return children.reduce((sum, child) => sum + sumOver(Number(child), measure), measure(pid));
}

/** Exact, where `utime` and `stime` count in steps of 10 ms. */
function threadMicroseconds(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    // proc(5), schedstat: "time spent on the cpu (in nanoseconds)" comes first.
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]);
  }
  return nanoseconds / 1000;
}
