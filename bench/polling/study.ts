// `npm run bench:polling`: four transports doing the same job, measured, compared with the model, and drawn.
import { execSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, getPriority } from 'node:os';
import { parseArgs } from 'node:util';
import { benchPath, installPackages } from '../packages.js';
import { writeChart } from '../report/chart.js';
import { chartsOf } from './charts.js';
import { measurePackets, whyNoCapture, type PacketMeasurement } from './packets.js';
import { Pair, type Measurement } from './pair.js';
import { durationOf, full, quick, roundsOf, settingsOf, type Round, type Scale } from './plan.js';
import { fillIn, type MemoryMeasurement, type Results } from './results.js';
import { nameOf, type Platform, type Setting, type Transport } from './setting.js';
import { checkModel, tablesOf } from './tables.js';

const help = `Usage: npm run bench:polling -- [--quick | --report]

Measures polling, long polling, streaming and WebSocket: about a quarter of an hour, on a machine that does nothing
else. Writes bench/results/polling.json and its charts, and the tables of docs/polling.md.

  --quick     a part of it, in less than a minute; writes bench/results/polling-quick.json and charts beside it
  --report    measures nothing: draws the charts and writes the tables anew from polling.json
  --help      prints this`;

const { values } = parseArgs({
  options: { quick: { type: 'boolean' }, report: { type: 'boolean' }, help: { type: 'boolean' } },
});
/** Milliseconds for each transport; with 100, polling every 0.1 s cost 1.9 ms for each update, with 800 1.2 ms. */
const WARM_UP = 800;
const DOCUMENTS = ['docs/polling.md', 'README.md'];
const name = values.quick ? 'polling-quick' : 'polling';
const file = benchPath(`results/${name}.json`);

if (values.help) {
  console.log(help);
} else {
  installPackages();
  mkdirSync(benchPath('results'), { recursive: true });
  const results = values.report ? (JSON.parse(readFileSync(file, 'utf8')) as Results) : await measureAll();
  await report(results);
  const failures = checkModel(results);
  for (const failure of failures) console.error(`FAIL ${failure}`);
  if (failures.length > 0) process.exitCode = 1;
  // Processes that were ended may still hold their channels.
  process.exit();
}

async function report(results: Results): Promise<void> {
  for (const [chart, spec] of Object.entries(chartsOf(results))) {
    await writeChart(benchPath(`results/${name}-${chart}.svg`), spec);
  }
  const tables = tablesOf(results);
  console.log(`\n${tables['headline']}\n\n${tables['check']}\n`);
  console.log(`written: bench/results/${name}.json and ${name}-*.svg`);
  if (values.quick) return;
  for (const document of DOCUMENTS) {
    const path = benchPath(`../${document}`);
    writeFileSync(path, fillIn(readFileSync(path, 'utf8'), tables));
    console.log(`written: the tables of ${document}`);
  }
}

async function measureAll(): Promise<Results> {
  const scale = values.quick ? quick : full;
  const started = Date.now();
  const measurements = await measureSettings(scale);
  let results: Results = { ...describeMachine(), measurements, memory: [], packets: [] };
  // Should the rest fail, this is not lost.
  writeFileSync(file, serialize(results));
  if (!values.quick) {
    results = { ...results, memory: await measureMemory(), packets: await capturePackets() };
    writeFileSync(file, serialize(results));
  }
  console.log(`measured in ${((Date.now() - started) / 1000).toFixed(0)} s`);
  return results;
}

/** The command and the machine, for whoever reads the numbers. */
function describeMachine(): Pick<Results, 'command' | 'machine' | 'date'> {
  const [{ model } = { model: 'unknown CPU' }] = cpus();
  const commit = run('git rev-parse --short HEAD');
  const priority = getPriority() === 0 ? '' : `, nice ${getPriority()}`;
  return {
    command: `npm run bench:polling${values.quick ? ' -- --quick' : ''}`,
    machine:
      `${model.trim()}, ${cpus().length} cores, ${process.platform}, Node.js ${process.version}${commit}${priority}`,
    date: new Date().toISOString().slice(0, 10),
  };
}

function run(command: string): string {
  try {
    return `, commit ${execSync(command, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()}`;
  } catch {
    return '';
  }
}

/** JSON with a line for each measurement. */
function serialize(results: Results): string {
  const parts = Object.entries(results).map(([key, value]) => {
    if (!Array.isArray(value)) return `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`;
    const lines = value.map((line) => `    ${JSON.stringify(line, round)}`);
    return `  ${JSON.stringify(key)}: [\n${lines.join(',\n')}\n  ]`;
  });
  return `{\n${parts.join(',\n')}\n}\n`;
}

function round(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1000) / 1000 : value;
}

async function measureSettings(scale: Scale): Promise<Measurement[]> {
  const settings = settingsOf(scale);
  const rounds = roundsOf(settings, scale);
  const pairs = Array.from({ length: scale.pairs }, () => new Pair());
  const { length } = rounds;
  console.log(`${settings.length} settings in ${length} rounds, up to ${scale.pairs} side by side; warming up …`);
  await Promise.all(pairs.map((pair) => pair.warmUp(warmUpSettings(), WARM_UP)));
  const measurements: Measurement[] = [];
  for (const [index, { window, settings: together }] of rounds.entries()) {
    progress(index, rounds, together);
    measurements.push(...await Promise.all(together.map((setting, at) => pairs[at]!.measure(setting, window))));
  }
  for (const pair of pairs) pair.end();
  // In the order of the plan, whatever they were measured with.
  const order = new Map(settings.map((setting, at) => [nameOf(setting), at]));
  return measurements.sort((one, other) => order.get(nameOf(one))! - order.get(nameOf(other))!);
}

function progress(index: number, rounds: readonly Round[], [first, ...others]: readonly Setting[]): void {
  const left = rounds.slice(index).reduce((sum, round) => sum + durationOf(round), 0);
  const more = others.length > 0 ? `, and ${others.length} more` : '';
  console.log(`${index + 1}/${rounds.length}, ${left.toFixed(0)} s left: ${nameOf(first!)}${more}`);
}

function common(transport: Transport, clients: number, platform: Platform = 'twobyte'): Setting {
  const isShort = transport === 'polling';
  const payload = transport === 'websocket-deflate' ? 1024 : 20;
  return {
    transport, platform, clients, payload, headers: 'chromium',
    updateInterval: 1000, pollInterval: isShort ? 1000 : null,
  };
}

function warmUpSettings(): Setting[] {
  const ours = (['polling', 'long-polling', 'streaming', 'websocket', 'websocket-deflate'] as const);
  const theirs = (['polling', 'long-polling'] as const);
  return [
    ...ours.map((transport) => common(transport, 1)),
    ...theirs.map((transport) => common(transport, 1, 'node:http')),
  ];
}

async function measureMemory(): Promise<MemoryMeasurement[]> {
  const settings = warmUpSettings().map((setting) => ({ ...setting, clients: 1000 }));
  const memory: MemoryMeasurement[] = [];
  for (const setting of settings) {
    console.log(`memory of ${nameOf(setting)}`);
    const pair = new Pair();
    memory.push({ ...setting, ...(await pair.measureMemory(setting, 3000)) });
    pair.end();
  }
  return memory;
}

async function capturePackets(): Promise<PacketMeasurement[]> {
  const obstacle = whyNoCapture();
  if (obstacle !== null) {
    console.error(`SKIPPED the packets: ${obstacle}`);
    return [];
  }
  const packets: PacketMeasurement[] = [];
  for (const transport of ['polling', 'long-polling', 'streaming', 'websocket'] as const) {
    console.log(`packets of ${transport}`);
    packets.push(await measurePackets(common(transport, 10), 10_000));
  }
  return packets;
}
