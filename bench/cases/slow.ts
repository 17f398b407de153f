// What does a slow reader do to a server? One connection floods it, it relays to one that reads 1 MiB a second.
import { LoadProcess } from '../harness/load-process.js';
import { parseBenchOptions } from '../harness/options.js';
import { findPeers, identify, resultsOn, titlesOf, type Identity, type Peer } from '../harness/peers.js';
import { ServerProcess } from '../harness/server-process.js';
import { printTable, saveResults } from '../report/results.js';

export interface SlowOutcome extends Identity {
  /** Bytes in RAM, sampled while it runs; it ends early when it has used too much. */
  readonly samples: readonly { readonly seconds: number; readonly resident: number }[];
  readonly hasCrashed: boolean;
}

const SECONDS = 10;
const SAMPLE_MILLISECONDS = 200;
const BYTES_PER_SECOND = 1 << 20;
const MESSAGE_BYTES = 16_384;
/** More would endanger the machine, and shows nothing new. */
const MOST_RESIDENT = 2 ** 31;

async function measure(peer: Peer): Promise<SlowOutcome> {
  const server = await ServerProcess.start(peer, { role: 'relay' });
  const load = new LoadProcess();
  const samples: { seconds: number; resident: number }[] = [];
  const { isBare } = peer;
  let hasCrashed = false;
  try {
    const { port } = server;
    await load.open('slow', { kind: 'slow', port, isBare, size: MESSAGE_BYTES, bytesPerSecond: BYTES_PER_SECOND });
    const start = performance.now();
    void load.run('slow', SECONDS * 1000).catch(() => {});
    for (let seconds = 0; seconds < SECONDS; seconds = (performance.now() - start) / 1000) {
      const { resident } = server;
      samples.push({ seconds, resident });
      if (resident > MOST_RESIDENT) break;
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MILLISECONDS));
    }
  } catch {
    // Its process is gone, and with it what could be read of it.
    hasCrashed = true;
  } finally {
    await Promise.all([server.stop(), load.stop()]);
  }
  return { ...identify(peer), samples, hasCrashed };
}

const options = parseBenchOptions({ runtimes: 'any' });
const peers = options.peers.filter(({ style }) => style === undefined || style === 'for await');
const streams = findPeers('server', options.runtimes).filter(({ name }) => name === 'ws');
peers.push(...streams.map((peer): Peer => ({ ...peer, name: 'ws, as a stream', style: 'stream' })));

const results: SlowOutcome[] = [];
for (const peer of peers) results.push(await measure(peer));
const titles = titlesOf(results);
const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
printTable(['server', 'MiB at the start', 'at most', 'at the end', 'seconds'], results.map((outcome, index) => [
  titles[index],
  mebibytes(outcome.samples[0].resident),
  mebibytes(Math.max(...outcome.samples.map(({ resident }) => resident))),
  outcome.hasCrashed ? 'crashed' : mebibytes(outcome.samples.at(-1)!.resident),
  outcome.samples.at(-1)!.seconds.toFixed(1),
]));
for (const runtime of options.runtimes) saveResults('slow', resultsOn(runtime, results), runtime);
