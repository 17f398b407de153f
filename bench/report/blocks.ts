// What the benches have left → the parts of the documents that are made of it.
import type { DeflateResults } from '../cases/deflate.js';
import type { MemoryOutcome } from '../cases/memory.js';
import type { ProfileOutcome } from '../cases/profile.js';
import type { ScaleOutcome } from '../cases/scale.js';
import type { SlowOutcome } from '../cases/slow.js';
import type { StreamResults } from '../cases/stream.js';
import { goalCases } from '../harness/echo-cases.js';
import { goalsOf, nativeGoals } from './goals.js';
import type { Cases, Load, Report } from './results.js';
import * as tables from './tables.js';

/** The newest comes first; the details are of the first that was measured. */
const NODES = ['node-26', 'node-24', 'node-22', 'node-20'];

/** Of the first of the Nodes on which the bench has run. */
export function loadFirst<T>(bench: string, load: Load): Report<T> | null {
  for (const node of NODES) {
    const report = load<T>(bench, node);
    if (report !== null) return report;
  }
  return null;
}

/** Markdown by the name of the part; without those that were not measured. */
export function blocksOf(load: Load): Record<string, string> {
  const blocks: Record<string, string> = {};
  function add<T>(name: string, bench: string, format: (results: T) => string): void {
    const report = loadFirst<T>(bench, load);
    if (report !== null) blocks[name] = sourceOf(report) + format(report.results);
  }

  const goals = NODES.flatMap((node) => {
    const text = goalsOf(node, load);
    return text === '' ? [] : `### Node ${node.slice('node-'.length)}\n\n${text}`;
  });
  const natives = nativeGoals(load);
  if (natives !== '') goals.push(`### Bun and Deno\n\n${natives}`);
  if (goals.length > 0) blocks['goals'] = goals.join('\n');

  add<Cases>('headline', 'echo', (cases) => tables.ratios(goalsIn(cases)));
  add<Cases>('echo', 'echo', (cases) => `${tables.costs(cases)}\n${goalsIn(cases).map(tables.details).join('\n')}`);
  add<Cases>('client', 'client', (cases) => {
    return [tables.ratios(cases), tables.costs(cases), tables.busyness(cases)].join('\n');
  });
  add<Parameters<typeof tables.codec>[0]>('codec', 'codec', tables.codec);
  add<Cases>('connect', 'connect', (cases) => `${tables.ratios(cases)}\n${tables.costs(cases)}`);
  add<Cases>('http2', 'http2', tables.http2);
  add<Cases>('feed', 'feed', tables.feed);
  add<Cases>('broadcast', 'broadcast', (cases) => `${tables.ratios(cases)}\n${tables.costs(cases)}`);
  add<Cases<MemoryOutcome>>('memory', 'memory', tables.memory);
  add<readonly SlowOutcome[]>('slow', 'slow', tables.slow);
  add<StreamResults>('stream', 'stream', tables.stream);
  add<readonly ScaleOutcome[]>('scale', 'scale', tables.scale);
  add<Cases<ProfileOutcome>>('profile', 'profile', tables.profile);
  add<DeflateResults>('deflate', 'deflate', tables.deflate);
  return blocks;
}

export function goalsIn(cases: Cases): Cases {
  return cases.slice(0, goalCases.length);
}

/** Puts each part in its place; a place is left as it is while there is nothing for it. */
export function fillIn(document: string, blocks: Readonly<Record<string, string>>): string {
  return document.replace(/(<!-- results: (\w+) -->\n)[^]*?(<!-- end -->)/g, (all, start, name, end) => {
    const block = blocks[name as string];
    return block === undefined ? all : `${start}\n${block}\n${end}`;
  });
}

/** The bench and where it ran; bench/results/ has the whole command with its patterns. */
function sourceOf({ command, date, runtime, machine }: Report<unknown>): string {
  return `\`${/^npm run bench -- \w+/.exec(command)![0]}\`, ${date.replace('T', ' ')} UTC, ${runtime}, ${machine}.\n\n`;
}
