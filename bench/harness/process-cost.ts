// What a process has cost so far, read from outside, so that every runtime is measured in the same way. Linux only.
import { readdirSync, readFileSync } from 'node:fs';

/** Counts the CPU time of all threads of a process and of the processes that it has started. */
export class ProcessorClock {
  readonly #pid: number;
  /** Nanoseconds when each was last seen: the kernel forgets threads that end, as those of Bun's compilers do. */
  readonly #threads = new Map<string, number>();

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** Microseconds so far: exact, where `utime` and `stime` count in steps of 10 ms. */
  read(): number {
    for (const pid of family(this.#pid)) {
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        // proc(5), schedstat: "time spent on the cpu (in nanoseconds)" comes first.
        const [nanoseconds] = readThread(`/proc/${pid}/task/${thread}/schedstat`);
        if (nanoseconds !== undefined) this.#threads.set(thread, Number(nanoseconds));
      }
    }
    return [...this.#threads.values()].reduce((sum, nanoseconds) => sum + nanoseconds, 0) / 1000;
  }
}

/** Bytes of memory that the process, and those that it has started, have in RAM. */
export function residentBytes(pid: number): number {
  return family(pid).reduce((sum, each) => {
    const status = readFileSync(`/proc/${each}/status`, 'latin1');
    return sum + Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) * 1024;
  }, 0);
}

/** A process and those that it has started. */
function family(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter((each) => each !== '');
  return [pid, ...children.flatMap((child) => family(Number(child)))];
}

/** Nothing if the thread has ended since it was listed. */
function readThread(path: string): string[] {
  try {
    return readFileSync(path, 'latin1').split(' ');
  } catch {
    return [];
  }
}
