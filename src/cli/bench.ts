// `twobyte bench`: how soon a server answers messages that come at a steady rate, or how many it can.
import { closeSync, openSync, writeFileSync } from 'node:fs';
import type { Connection } from '../index.js';
import { CommandError, parse, parseSeconds, parseWholeNumber, type Command } from './arguments.js';
import { Histogram } from './histogram.js';
import { COLUMNS, measure, type Load, type Results } from './load.js';
import { plot } from './plot.js';
import { Progress } from './progress.js';
import { closeOnSignal } from './signals.js';
import { open, parseTarget, targetHelp, targetOptions, type Target } from './target.js';

const help = `Usage: twobyte bench URL [options]

Sends messages to a ws: or wss: URL that answers each with one, such as an echo, and prints how
long the answers take. A latency counts from when its message was due, also if it could only be
sent later: an answer that is late makes those after it late, too, as for users who don't wait.

  --connections N          how many connections (10)
  --rate N                 messages per second, over all connections (1000); 0 sends the next
                           on a connection once the last was answered
  --size N                 bytes of a message (32)
  --duration SECONDS       how long to send (10)
  --warm-up SECONDS        how long to send before that, uncounted, while programs compile (3)
  --binary                 sends binary messages
  --json                   prints the results as JSON, times in milliseconds
  --svg FILE               draws how many answers took how long
${targetHelp}
  --help                   prints this

A terminal shows how far it is. Ctrl-C ends it, and prints the results so far. The exit code is 1
if an answer didn't come.`;

export const bench: Command = { help, run };

const MAX_CONNECTIONS = 10_000;
const MAX_RATE = 1_000_000;
const MAX_SIZE = 1 << 26;

/** How many handshakes are under way at a time. */
const HANDSHAKES = 50;

/** Milliseconds. */
const PATIENCE = 5000;

async function run(args: string[]): Promise<void> {
  const { values, positionals } = parse('bench', {
    args,
    allowPositionals: true,
    options: {
      ...targetOptions,
      connections: { type: 'string', default: '10' },
      rate: { type: 'string', default: '1000' },
      size: { type: 'string', default: '32' },
      duration: { type: 'string', default: '10' },
      'warm-up': { type: 'string', default: '3' },
      binary: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      svg: { type: 'string' },
    },
  });
  const size = parseWholeNumber('--size', values.size, MAX_SIZE);
  const load: Load = {
    connections: parseWholeNumber('--connections', values.connections, MAX_CONNECTIONS),
    rate: parseWholeNumber('--rate', values.rate, MAX_RATE),
    message: values.binary ? Buffer.alloc(size, 'x') : 'x'.repeat(size),
    warmUp: parseSeconds('--warm-up', values['warm-up']),
    milliseconds: parseSeconds('--duration', values.duration),
    patience: PATIENCE,
  };
  if (load.connections === 0) throw new CommandError('--connections must be at least 1');
  const target = parseTarget(positionals, values);
  if (values.svg !== undefined) checkWritable(values.svg);
  const connections = await openAll(target, load.connections);
  const progress = new Progress(process.stderr, load.warmUp + load.milliseconds);
  const latencies = new Histogram();
  const results = await measure(connections, load, {
    latencies,
    onStart: (stop) => closeOnSignal(stop, () => progress.clear()),
    onProgress: (elapsed, answered) => progress.show(elapsed, answered),
  });
  progress.clear();
  await Promise.all(connections.map((connection) => connection.close()));
  console.log(values.json ? JSON.stringify(results, null, 2) : report(results, load));
  if (values.svg !== undefined) writeFileSync(values.svg, plot(latencies, describe(load)));
  if (results.answered < results.sent + results.unsent || results.lost > 0) process.exitCode = 1;
}

/** Looked at before the load: who waits for a picture in vain has to wait again. */
function checkWritable(path: string): void {
  try {
    closeSync(openSync(path, 'a'));
  } catch (error) {
    throw new CommandError(`the file of --svg cannot be written: ${path} (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** Opens so many. If one can't be opened, none stays: it would keep the process alive. */
async function openAll(target: Target, count: number): Promise<Connection[]> {
  const connections: Connection[] = [];
  let left = count;
  const openSome = async (): Promise<void> => {
    try {
      while (left-- > 0) connections.push(await open(target));
    } finally {
      left = 0;
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: HANDSHAKES }, openSome));
  const failed = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
  if (failed === undefined) return connections;
  for (const connection of connections) connection.terminate();
  throw failed.reason;
}

export function report({ sent, answered, unsent, lost, perSecond, latency }: Results, load: Load): string {
  return [
    describe(load),
    `sent ${sent}, answered ${answered}, ${perSecond} answers per second`,
    ...(unsent > 0 ? [`not sent, as there was no room: ${unsent}`] : []),
    ...(lost > 0 ? [`connections that were lost: ${lost}`] : []),
    'latency in milliseconds',
    ...COLUMNS.map((column) => `  ${column.padEnd(6)}${latency[column].toFixed(3).padStart(12)}`),
  ].join('\n');
}

function describe({ connections, message, rate }: Load): string {
  const pace = rate === 0 ? 'one after the other' : `${rate} per second`;
  return `${connections} connections, messages of ${message.length} bytes, ${pace}`;
}
