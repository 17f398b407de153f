// What follows from the measurements: the difference to the model, what a poll costs the server, and the crossover.
import { captured } from './headers.js';
import * as model from './model.js';
import type { Measurement } from './pair.js';
import { fieldsOf, pathOf } from './requests.js';
import { bytesOf, findLargest, isSaturated, type Results } from './results.js';
import type { Setting, Transport } from './setting.js';

/** Bytes of a request by the model: the path with its cursor or the entity-tag, `Host` with its port, the fields. */
export function requestBytes(setting: Pick<Setting, 'transport' | 'headers'>): number {
  const isLatest = setting.transport === 'latest';
  const fields = fieldsOf(setting).map(([name, value]) => `${name}: ${value}`);
  const target = pathOf(setting.transport) + (isLatest ? '' : '?after=1000000');
  const tag = isLatest ? ['If-None-Match: "1000000"'] : [];
  return model.headBytes([`GET ${target} HTTP/1.1`, 'Host: 127.0.0.1:00000', ...fields, ...tag]);
}

/** What the model says of a setting; `null` for compressed messages, whose length no formula gives. */
export function modelOf(setting: Setting): model.Cost | null {
  const { transport, platform, pollInterval } = setting;
  const job = { ...setting, request: requestBytes(setting) };
  if (transport === 'polling') return model.polling(job, pollInterval!, platform);
  if (transport === 'latest') return model.latest(job, pollInterval!, platform);
  if (transport === 'long-polling') return model.longPolling(job, undefined, platform);
  if (transport === 'streaming') return model.streaming(job);
  return transport === 'websocket' ? model.webSocket(job) : null;
}

/** How far the measured bytes are from the model's, as a part of these; `null` where they can't be compared. */
export function differenceOf(measurement: Measurement): number | null {
  const cost = modelOf(measurement);
  if (cost === null || isSaturated(measurement)) return null;
  const modelled = cost.bytesIn + cost.bytesOut;
  return Math.abs(bytesOf(measurement) - modelled) / modelled;
}

/**
 * The same, for the bytes of each request, reply, event and frame: the model is told how many replies brought how many
 * updates, which a busy machine shifts when a poll and an update are close together.
 */
export function partsDifferenceOf(measurement: Measurement): number | null {
  const { transport, platform, payload, requests, replies, updates, bytesIn, bytesOut } = measurement;
  const cost = modelOf(measurement);
  if (cost === null) return null;
  let modelled = updates * (cost.bytesIn + cost.bytesOut);
  if (transport === 'polling' || transport === 'latest' || transport === 'long-polling') {
    const reply = transport === 'latest' ? (count: number) => model.latestReply(count > 0, payload, platform)
      : (count: number) => model.pollingReply(count, payload, platform);
    modelled = requests * requestBytes(measurement);
    for (const [count, times] of Object.entries(replies)) modelled += times * reply(Number(count));
  }
  return Math.abs(bytesIn + bytesOut - modelled) / modelled;
}

export function cpuOf({ cpu, updates }: Measurement): number {
  return cpu / updates;
}

/** Whether the server has used so much CPU time that it stands out from what happens anyway. */
export function hasCpuTime({ cpu }: Measurement): boolean {
  return cpu >= 5000;
}

/** What a poll costs the server, what each update adds, and what pushing one costs: microseconds of CPU time. */
export interface CpuCosts {
  /** Milliseconds between updates: a server that has more to do at once does all of it at less cost. */
  readonly updateInterval: number;
  readonly poll: number;
  readonly item: number;
  readonly webSocket: number;
  readonly streaming: number;
  readonly longPolling: number;
}

/** With an update each second, or more often if polls that bring several of these were not measured. */
export function cpuCosts(results: Results): CpuCosts {
  return costsOf(results, 1000) ?? costsOf(results, 100)!;
}

/** From polls that bring one update each, and the polls that bring the most, at the same rate of updates. */
export function costsOf(results: Results, updateInterval: number): CpuCosts | null {
  const polls = results.measurements.filter((one) => {
    const { pollInterval } = one;
    return pollInterval !== null && pollInterval >= updateInterval &&
      findLargest(results, 'polling', { updateInterval, pollInterval }) === one;
  }).sort((one, other) => one.pollInterval! - other.pollInterval!);
  const [single, most] = [polls[0], polls.at(-1)];
  if (!single || !most || single === most) return null;
  const [few, many] = [single, most].map((one) => one.pollInterval! / updateInterval) as [number, number];
  const [least, all] = [single, most].map((one) => one.cpu / one.requests) as [number, number];
  const item = Math.max(0, (all - least) / (many - few));
  const [webSocket, streaming, longPolling] = (['websocket', 'streaming', 'long-polling'] as const).map((transport) => {
    return cpuOf(findLargest(results, transport, { updateInterval })!);
  }) as [number, number, number];
  return { updateInterval, poll: least - item * few, item, webSocket, streaming, longPolling };
}

/** From how many updates with each poll on polling costs no more than pushing: in CPU time of the server, in bytes. */
export interface Crossovers {
  readonly cpu: number;
  /** With ten updates a second. */
  readonly cpuOften: number;
  readonly bytes: number;
  readonly minimalBytes: number;
  readonly streamingBytes: number;
}

export function crossovers(results: Results): Crossovers {
  const perPoll = (headers: Setting['headers']): number =>
    requestBytes({ transport: 'polling', headers }) + model.pollingReply(1, 20) - 20;
  // What each further update adds to a body: itself and a comma. A frame adds two bytes.
  const against = (push: number, headers: Setting['headers']): number =>
    model.crossover({ poll: perPoll(headers), item: 21, push });
  const inTime = ({ poll, item, webSocket }: CpuCosts): number => model.crossover({ poll, item, push: webSocket });
  return {
    cpu: inTime(cpuCosts(results)),
    cpuOften: inTime(costsOf(results, 100) ?? cpuCosts(results)),
    bytes: against(model.frameBytes(20), 'chromium'),
    minimalBytes: against(model.frameBytes(20), 'minimal'),
    streamingBytes: against(model.eventBytes(20), 'chromium'),
  };
}

/** Settings that were compared with the model, by transport: how many, and the greatest differences. */
export interface Comparison {
  readonly transport: Transport;
  readonly count: number;
  /** Of the bytes of each request, reply, event and frame. */
  readonly parts: number;
  /** Of the bytes of an update, by rates alone: the greatest, and that of the middle. */
  readonly rates: number;
  readonly median: number;
}

export function comparisons({ measurements }: Results): Comparison[] {
  return [...new Set(measurements.map(({ transport }) => transport))].flatMap((transport) => {
    const compared = measurements.filter((one) => one.transport === transport && partsDifferenceOf(one) !== null);
    if (compared.length === 0) return [];
    const greatest = (differences: (number | null)[]): number => Math.max(0, ...differences.map((one) => one ?? 0));
    return [{
      transport,
      count: compared.length,
      parts: greatest(compared.map(partsDifferenceOf)),
      rates: greatest(compared.map(differenceOf)),
      median: median(compared.map(differenceOf).filter((one) => one !== null)),
    }];
  });
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1] ?? 0;
}

export const browserName = captured.browser;
