// Where does the CPU time of a server go? Its profile under the loads that there are goals for, ours and a peer's.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WARM_UP_MILLISECONDS } from '../harness/duel.js';
import { goalCases, nameOf } from '../harness/echo-cases.js';
import { LoadProcess } from '../harness/load-process.js';
import type { LoadOptions } from '../harness/load.js';
import { parseBenchOptions } from '../harness/options.js';
import { identify, titlesOf, type Identity, type Peer, type ServerOptions } from '../harness/peers.js';
import { ServerProcess } from '../harness/server-process.js';
import { printTable, saveByRuntime } from '../report/results.js';

const INTERVAL_MICROSECONDS = 200;

/** What `--cpu-prof` of Node writes. */
interface Profile {
  readonly endTime: number;
  readonly startTime: number;
  readonly nodes: readonly { readonly id: number; readonly callFrame: { functionName: string; url: string } }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Where time goes, as parts of all that was not idle. */
const KINDS = [
  'write calls', 'other native code', 'garbage collection', 'JavaScript of Node', 'of the library',
] as const;
type Kind = (typeof KINDS)[number];
export interface ProfileOutcome extends Identity {
  readonly shares: Readonly<Record<Kind, number>>;
}

/** Node's functions that end in a system call which writes; on loopback it delivers to the reader's socket too. */
const WRITE_CALL = /^write(?:v|Buffer|\w+String)$/;

function kindOf({ functionName, url }: Profile['nodes'][number]['callFrame']): Kind | null {
  if (functionName === '(idle)') return null;
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (url.startsWith('node:')) return 'JavaScript of Node';
  if (url !== '') return 'of the library';
  return WRITE_CALL.test(functionName) ? 'write calls' : 'other native code';
}

/** Sums up the last milliseconds of a profile. */
function sumUp(profile: Profile, milliseconds: number): ProfileOutcome['shares'] {
  const { nodes, samples, timeDeltas, startTime, endTime } = profile;
  const kinds = new Map(nodes.map(({ id, callFrame }) => [id, kindOf(callFrame)]));
  const sums = new Map<Kind, number>(KINDS.map((kind) => [kind, 0]));
  let time = startTime;
  let all = 0;
  for (const [index, sample] of samples.entries()) {
    time += timeDeltas[index];
    const kind = kinds.get(sample) ?? null;
    if (kind === null || time < endTime - milliseconds * 1000) continue;
    sums.set(kind, sums.get(kind)! + timeDeltas[index]);
    all += timeDeltas[index];
  }
  return Object.fromEntries(Array.from(sums, ([kind, sum]) => [kind, sum / all])) as ProfileOutcome['shares'];
}

async function profileOf(
  peer: Peer,
  milliseconds: number,
  options: ServerOptions,
  toLoad: (port: number) => LoadOptions,
): Promise<ProfileOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'profile-'));
  const flags = ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${INTERVAL_MICROSECONDS}`];
  const [program, ...rest] = peer.command;
  const server = await ServerProcess.start({ ...peer, command: [program, ...flags, ...rest] }, options);
  const load = new LoadProcess();
  try {
    await load.open(peer.name, toLoad(server.port));
    await load.run(peer.name, WARM_UP_MILLISECONDS);
    await load.run(peer.name, milliseconds);
    await server.end();
    const [file] = readdirSync(folder);
    const text = readFileSync(join(folder, file!), 'utf8');
    return { ...identify(peer), shares: sumUp(JSON.parse(text) as Profile, milliseconds) };
  } finally {
    await Promise.all([server.stop(), load.stop()]);
    rmSync(folder, { recursive: true });
  }
}

interface Case {
  readonly name: string;
  readonly server?: ServerOptions;
  readonly load: (port: number) => LoadOptions;
}

const cases: readonly Case[] = [
  ...goalCases.map((each): Case => ({ name: nameOf(each), load: (port) => ({ kind: 'echo', port, ...each }) })),
  {
    name: 'broadcast to 1000',
    server: { role: 'broadcast' },
    load: (port) => ({ kind: 'broadcast', port, connections: 1000, perTick: 1 }),
  },
  { name: 'handshakes', load: (port) => ({ kind: 'connect', port, atATime: 32 }) },
];

const options = parseBenchOptions({ milliseconds: 3000, runtimes: 'any Node' });
const peers = options.peers.filter(({ name, style }) => name === 'ws' || style === 'for await');
const results: { name: string; outcomes: ProfileOutcome[] }[] = [];
for (const { name, server = {}, load } of cases) {
  if (options.case !== null && !options.case.test(name)) continue;
  const outcomes: ProfileOutcome[] = [];
  for (const peer of peers) outcomes.push(await profileOf(peer, options.milliseconds, server, load));
  results.push({ name, outcomes });
}
printTable(['case', 'server', ...KINDS], results.flatMap(({ name, outcomes }) => {
  const titles = titlesOf(outcomes);
  return outcomes.map(({ shares }, index) => {
    return [name, titles[index], ...KINDS.map((kind) => `${Math.round(shares[kind] * 100)} %`)];
  });
}));
saveByRuntime('profile', results, options.runtimes);
