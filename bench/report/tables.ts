// The results of one bench → tables of Markdown.
import type { DeflateResults } from '../cases/deflate.js';
import type { MemoryOutcome } from '../cases/memory.js';
import type { ProfileOutcome } from '../cases/profile.js';
import type { ScaleOutcome } from '../cases/scale.js';
import type { SlowOutcome } from '../cases/slow.js';
import type { StreamResults } from '../cases/stream.js';
import type { Outcome } from '../harness/duel.js';
import { formatRatio } from '../harness/statistics.js';
import { formatTable, type Cases } from './results.js';

export const MEBIBYTE = 2 ** 20;

/** Those that matter most. */
const SHOWN = ['ws', 'bare net', 'Bun'];
export const RATIO_HEADER: readonly string[] = ['µs of CPU', ...SHOWN.map((name) => `÷ ${name}`)];

function find(outcomes: readonly Outcome[], name: string): Outcome | undefined {
  return outcomes.find(({ peer }) => peer === name);
}

/** What a message costs ours, which is the first. */
export function formatCost([own]: readonly Outcome[]): string {
  return own.cpuPerMessage.toFixed(2);
}

/** Ours against another. */
export function formatRatioTo(peer: string, outcomes: readonly Outcome[]): string {
  const outcome = find(outcomes, peer);
  return outcome === undefined ? '–' : formatRatio(outcome.ratio);
}

/** Cells for `RATIO_HEADER`. */
export function ratioCells(outcomes: readonly Outcome[]): string[] {
  return [formatCost(outcomes), ...SHOWN.map((peer) => formatRatioTo(peer, outcomes))];
}

/** Ours against those that matter most. */
export function ratios(cases: Cases): string {
  return formatTable(['case', ...RATIO_HEADER], cases.map(({ name, outcomes }) => [name, ...ratioCells(outcomes)]));
}

/** Ours over HTTP/2 against a bare echo. */
export function http2(cases: Cases): string {
  return formatTable(['case', 'µs of CPU', '÷ bare node:http2'], cases.map(({ name, outcomes }) => {
    return [name, formatCost(outcomes), formatRatioTo('bare node:http2', outcomes)];
  }));
}

/** A feed against a loop over the same readers. */
export function feed(cases: Cases): string {
  return formatTable(['case', 'µs of CPU', '÷ broadcast'], cases.map(({ name, outcomes }) => {
    return [name, formatCost(outcomes), formatRatioTo('broadcast', outcomes)];
  }));
}

/** Microseconds of every peer. */
export function costs(cases: Cases): string {
  return byPeer('µs of CPU', cases, ({ cpuPerMessage }) => cpuPerMessage.toFixed(2));
}

/** How busy the server was with every client, and the client. */
export function busyness(cases: Cases): string {
  const percent = (share: number): string => (share * 100).toFixed(0);
  return byPeer('core busy in %: server, client', cases, ({ serverShare, loadShare }) => {
    return `${percent(serverShare)}, ${percent(loadShare)}`;
  });
}

function byPeer(title: string, cases: Cases, format: (outcome: Outcome) => string): string {
  const peers = [...new Set(cases.flatMap(({ outcomes }) => outcomes.map(({ peer }) => peer)))];
  return formatTable([title, ...peers], cases.map(({ name, outcomes }) => [
    name,
    ...peers.map((peer) => {
      const outcome = find(outcomes, peer);
      return outcome === undefined ? '–' : format(outcome);
    }),
  ]));
}

/** Throughput and latency of one case, and how busy the load generator was. */
export function details({ name, outcomes }: Cases[number]): string {
  return `${name}:\n\n` + formatTable(['server', 'per second', 'p50 ms', 'p99 ms', 'core busy: server', 'load'],
    outcomes.map((outcome) => [
      `${outcome.peer} ${outcome.version}`,
      Math.round(outcome.messagesPerSecond),
      outcome.p50.toFixed(2),
      outcome.p99.toFixed(2),
      `${Math.round(outcome.serverShare * 100)} %`,
      `${Math.round(outcome.loadShare * 100)} %`,
    ]));
}

function rounded(bytes: number | null): string | number {
  return bytes === null ? '–' : Math.round(bytes);
}

export function memory(cases: Cases<MemoryOutcome>): string {
  const header = ['server', 'idle: RAM', 'heap', 'after a burst: RAM', 'after all closed: RAM', 'heap'];
  return cases.map(({ name, outcomes }) => {
    return `${name}, bytes for each:\n\n` +
      formatTable(header, outcomes.map(({ peer, idle, afterBurst, afterClose }) => [
        peer,
        ...[idle.resident, idle.heap, afterBurst.resident, afterClose.resident, afterClose.heap].map(rounded),
      ]));
  }).join('\n');
}

export function slow(outcomes: readonly SlowOutcome[]): string {
  const mebibytes = (bytes: number): string => (bytes / MEBIBYTE).toFixed(0);
  return formatTable(['server', 'MiB at the start', 'at most', 'at the end'], outcomes.map((outcome) => [
    outcome.peer,
    mebibytes(outcome.samples[0].resident),
    mebibytes(Math.max(...outcome.samples.map(({ resident }) => resident))),
    outcome.hasCrashed ? 'crashed' : mebibytes(outcome.samples.at(-1)!.resident),
  ]));
}

/** What streamed messages cost, and how far memory grows while they pass. */
export function stream({ costs, runs }: StreamResults): string {
  const [cost, related] = ['µs of CPU for a MiB', '÷ messages of 1 MiB'];
  const header = ['', 'sent', `${cost}: sender`, related, 'receiver', related];
  const cells = costs.map((each) => [
    each.direction, each.way, each.sender.toFixed(0), formatRatio(each.senderRatio),
    each.receiver.toFixed(0), formatRatio(each.receiverRatio),
    each.mebibytesPerSecond.toFixed(0), formatRatio(each.speed),
  ]);
  const memory = runs.map(({ name, mebibytes, seconds, samples }) => {
    const most = (end: 'client' | 'server'): number => Math.max(...samples.map((sample) => sample[end])) / MEBIBYTE;
    const each = [most('client'), most('server')].map((number) => number.toFixed(0));
    return [name, mebibytes, ...each, ...seconds.map((number) => number.toFixed(1))];
  });
  const memoryHeader = ['run', 'MiB each way', 'MiB above the start, at most: client', 'server'];
  return [
    ...(cells.length === 0 ? [] : [formatTable([...header, 'MiB a second', '× a stream of ws'], cells)]),
    ...(memory.length === 0 ? [] : [formatTable([...memoryHeader, 's to the server', 's to the client'], memory)]),
  ].join('\n');
}

export function profile(cases: Cases<ProfileOutcome>): string {
  const kinds = Object.keys(cases[0].outcomes[0].shares) as (keyof ProfileOutcome['shares'])[];
  return formatTable(['case', 'server', ...kinds], cases.flatMap(({ name, outcomes }) => {
    return outcomes.map(({ peer, shares }) => {
      return [name, peer, ...kinds.map((kind) => `${Math.round(shares[kind] * 100)} %`)];
    });
  }));
}

export function scale(outcomes: readonly ScaleOutcome[]): string {
  const header = ['server', 'connections', 'opened in s', 'MiB before', 'MiB with them', 'bytes for each'];
  return formatTable([...header, 'pings answered', 'p50 ms', 'p99 ms'], outcomes.map((outcome) => [
    outcome.name,
    outcome.connections,
    outcome.connectSeconds.toFixed(0),
    (outcome.residentBefore / MEBIBYTE).toFixed(0),
    (outcome.resident / MEBIBYTE).toFixed(0),
    Math.round((outcome.resident - outcome.residentBefore) / outcome.connections),
    outcome.pings,
    outcome.p50.toFixed(1),
    outcome.p99.toFixed(1),
  ]));
}

export function codec(jobs: Readonly<Record<string, Readonly<Record<string, number>>>>): string {
  const rows = Object.entries(jobs).filter(([, times]) => 'ws' in times);
  return formatTable(['job', 'ours ns', 'ws ns', 'ours ÷ ws'], rows.map(([job, { ws, ...times }]) => {
    const [own] = Object.values(times);
    return [job, own.toFixed(0), ws.toFixed(0), (own / ws).toFixed(2)];
  }));
}

export function deflate({ costs, memory }: DeflateResults): string {
  const cost = formatTable(
    ['message', 'µs of CPU: ours', 'ws', 'ours ÷ ws', 'bytes: ours', 'ws'],
    costs.map(({ name, outcomes }) => {
      const [own, ws] = outcomes;
      return [
        name, own.cpuPerMessage.toFixed(1), ws.cpuPerMessage.toFixed(1), formatRatio(ws.ratio),
        own.bytesPerMessage.toFixed(1), ws.bytesPerMessage.toFixed(1),
      ];
    }),
  );
  const bytes = formatTable(['an idle connection', 'bytes of RAM: ours', 'ws', 'ours ÷ ws'], memory.map((each) => {
    const [own, ws] = each.outcomes;
    return [each.name, Math.round(own.resident), Math.round(ws.resident), (own.resident / ws.resident).toFixed(2)];
  }));
  return `${cost}\n${bytes}`;
}
