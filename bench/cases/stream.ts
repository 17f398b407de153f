// What does one message cost that is larger than memory: in CPU, against messages of 1 MiB and a stream of ws, and in
// memory?
//
// Both ends have processes of their own, for each way and for each run that looks at memory.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseBenchOptions } from '../harness/options.js';
import { ProcessorClock, residentBytes } from '../harness/process-cost.js';
import { median, ratio, type Ratio } from '../harness/statistics.js';
import type { Done, Task, Way } from '../harness/stream-side.js';
import { saveResults } from '../report/results.js';
import { stream as formatTables } from '../report/tables.js';

const MIB = 1 << 20;
const ROUND_MEBIBYTES = 256;
const RUN_MEBIBYTES = 2048;
const SAMPLE_MILLISECONDS = 50;
/** Of so many that follow one another, the highest are kept. */
const KEPT_SAMPLES = 120;
const WAYS: readonly Way[] = [
  'from a generator', 'from a generator, 1 MiB each', 'from a stream', 'from a stream, given back', 'messages of 1 MiB',
  'bare net', 'ws, as a stream',
];
const DIRECTIONS = ['client to server', 'server to client'] as const;

export interface StreamCost {
  readonly direction: (typeof DIRECTIONS)[number];
  readonly way: Way;
  /** Microseconds of CPU for each MiB, and in relation to messages of 1 MiB. */
  readonly sender: number;
  readonly senderRatio: Ratio;
  readonly receiver: number;
  readonly receiverRatio: Ratio;
  readonly mebibytesPerSecond: number;
  /** How many times as fast as a stream of ws. */
  readonly speed: Ratio;
}

export interface StreamRun {
  readonly name: string;
  readonly mebibytes: number;
  /** Seconds that each direction took. */
  readonly seconds: readonly number[];
  /** How far the resident memory of each end is above where it began, in bytes. */
  readonly samples: readonly { readonly seconds: number; readonly client: number; readonly server: number }[];
}

export interface StreamResults {
  readonly costs: readonly StreamCost[];
  readonly runs: readonly StreamRun[];
}

class Pair {
  readonly server: ChildProcess;
  readonly client: ChildProcess;

  /** Rejects once one of them is no more. */
  readonly #gone: Promise<never>;

  constructor(server: ChildProcess, client: ChildProcess) {
    this.server = server;
    this.client = client;
    this.#gone = Promise.race([once(server, 'exit'), once(client, 'exit')]).then(() => {
      throw new Error('an end has gone');
    });
    this.#gone.catch(() => {});
  }

  static async open(way: Way, isDeflating: boolean): Promise<Pair> {
    const side = fileURLToPath(new URL('../harness/stream-side.js', import.meta.url));
    const server = fork(side, [way, String(isDeflating)]);
    const [port] = await once(server, 'message');
    const client = fork(side, [way, String(isDeflating), String(port)]);
    await Promise.all([once(server, 'message'), once(client, 'message')]);
    return new Pair(server, client);
  }

  /** Sends so much, and compares what has come; the ends of that direction. */
  async run(direction: StreamCost['direction'], task: Omit<Task, 'what'>): Promise<Measured> {
    const ends = [this.client, this.server];
    const [sender, receiver] = direction === 'client to server' ? ends : ends.reverse();
    const clocks = ends.map(({ pid }) => new ProcessorClock(pid!));
    const before = clocks.map((clock) => clock.read());
    const start = performance.now();
    const [sent, received] = await Promise.all([
      this.#work(sender!, { ...task, what: 'send' }),
      this.#work(receiver!, { ...task, what: 'receive' }),
    ]);
    const seconds = (performance.now() - start) / 1000;
    const cpu = clocks.map((clock, index) => (clock.read() - before[index]!) / (task.byteLength / MIB));
    if (received.byteLength !== task.byteLength) throw new Error(`${received.byteLength} bytes have come`);
    if (received.hash !== sent.hash) throw new Error('other bytes have come than were sent');
    return { sender: cpu[0]!, receiver: cpu[1]!, seconds };
  }

  async #work(side: ChildProcess, task: Task): Promise<Done> {
    side.send(task);
    const [done] = (await Promise.race([once(side, 'message'), this.#gone])) as [Done];
    return done;
  }

  end(): void {
    this.server.kill();
    this.client.kill();
  }
}

interface Measured {
  readonly sender: number;
  readonly receiver: number;
  readonly seconds: number;
}

/** In turn, round by round; the first is to warm up. */
async function measureCosts(rounds: number, byteLength: number): Promise<StreamCost[]> {
  const pairs = await Promise.all(WAYS.map((way) => Pair.open(way, false)));
  const task = { byteLength, content: null, pace: null };
  const measured = DIRECTIONS.map(() => WAYS.map((): Measured[] => []));
  for (let round = -1; round < rounds; round++) {
    for (const [wayIndex, pair] of pairs.entries()) {
      for (const [index, direction] of DIRECTIONS.entries()) {
        const givesBack = WAYS[wayIndex]!.endsWith('given back');
        const result = await pair.run(direction, { ...task, givesBack });
        if (round >= 0) measured[index]![wayIndex]!.push(result);
      }
    }
  }
  for (const pair of pairs) pair.end();
  return DIRECTIONS.flatMap((direction, index) => WAYS.map((way): StreamCost => {
    const of = (key: keyof Measured, name: Way = way): number[] => {
      return measured[index]![WAYS.indexOf(name)]!.map((each) => each[key]);
    };
    return {
      direction,
      way,
      sender: median(of('sender')),
      senderRatio: ratio(of('sender'), of('sender', 'messages of 1 MiB')),
      receiver: median(of('receiver')),
      receiverRatio: ratio(of('receiver'), of('receiver', 'messages of 1 MiB')),
      mebibytesPerSecond: byteLength / MIB / median(of('seconds')),
      speed: ratio(of('seconds', 'ws, as a stream'), of('seconds')),
    };
  }));
}

type Run = Pick<Task, 'content' | 'pace' | 'givesBack'> & { readonly name: string; readonly isDeflating: boolean };

const RUNS: readonly Run[] = [
  { name: 'chunks left to the collector', content: 'noise', pace: null, givesBack: false, isDeflating: false },
  { name: 'chunks given back', content: 'noise', pace: null, givesBack: true, isDeflating: false },
  { name: 'compressed, given back', content: 'text', pace: null, givesBack: true, isDeflating: true },
  { name: 'read at 50 MB a second, given back', content: 'noise', pace: 50e6, givesBack: true, isDeflating: false },
];

async function measureRun({ name, isDeflating, ...task }: Run, byteLength: number): Promise<StreamRun> {
  const pair = await Pair.open('from a generator', isDeflating);
  const ends = [pair.client.pid!, pair.server.pid!] as const;
  const [client, server] = ends.map(residentBytes) as [number, number];
  const samples: StreamRun['samples'][number][] = [];
  const start = performance.now();
  const timer = setInterval(() => samples.push({
    seconds: (performance.now() - start) / 1000,
    client: residentBytes(ends[0]) - client,
    server: residentBytes(ends[1]) - server,
  }), SAMPLE_MILLISECONDS);
  const seconds: number[] = [];
  for (const direction of DIRECTIONS) seconds.push((await pair.run(direction, { ...task, byteLength })).seconds);
  clearInterval(timer);
  pair.end();
  return { name, mebibytes: byteLength / MIB, seconds, samples: thin(samples) };
}

function thin(samples: StreamRun['samples']): StreamRun['samples'] {
  const length = Math.ceil(samples.length / KEPT_SAMPLES);
  return Array.from({ length: Math.ceil(samples.length / length) }, (_, index) => {
    const some = samples.slice(index * length, (index + 1) * length);
    const most = (key: 'client' | 'server'): number => Math.max(...some.map((sample) => sample[key]));
    return { seconds: Number(some[0]!.seconds.toFixed(2)), client: most('client'), server: most('server') };
  });
}

const options = parseBenchOptions({ rounds: 7, milliseconds: 400 });
// A rehearsal sends less.
const part = Math.min(1, options.milliseconds / 400);
const isWanted = (name: string): boolean => options.case === null || options.case.test(name);

const costs = isWanted('cost') ? await measureCosts(options.rounds, Math.ceil(ROUND_MEBIBYTES * part) * MIB) : [];
const runs: StreamRun[] = [];
for (const run of RUNS) if (isWanted(run.name)) runs.push(await measureRun(run, Math.ceil(RUN_MEBIBYTES * part) * MIB));
const results: StreamResults = { costs, runs };
console.log(formatTables(results));
saveResults('stream', results);
