// Puts what the benches have left in bench/results/ into docs/performance.md and README.md: tables, and charts.
import { readFileSync, writeFileSync } from 'node:fs';
import type { SlowOutcome } from '../cases/slow.js';
import type { StreamResults } from '../cases/stream.js';
import { benchPath, installPackages } from '../packages.js';
import { blocksOf, fillIn, goalsIn, loadFirst } from './blocks.js';
import { writeChart } from './chart.js';
import { loadReport, type Cases } from './results.js';
import { MEBIBYTE } from './tables.js';

/** Ours first. */
const COLOURS = [
  '#2856c8', '#6b7688', '#c23d14', '#8f6200', '#0d766c', '#e0876a', '#7b4bb3', '#2f2f2f', '#e3a6c8', '#57a3d9',
];

const blocks = blocksOf(loadReport);
for (const path of ['docs/performance.md', 'README.md'].map((path) => benchPath(`../${path}`))) {
  writeFileSync(path, fillIn(readFileSync(path, 'utf8'), blocks));
}

installPackages();
const slowReport = loadFirst<readonly SlowOutcome[]>('slow', loadReport);
if (slowReport !== null) {
  const values = slowReport.results.flatMap(({ peer, samples }) => {
    return samples.map(({ seconds, resident }) => ({ peer, seconds, mebibytes: resident / MEBIBYTE }));
  });
  await writeChart(benchPath('../docs/slow.svg'), {
    width: 640,
    height: 360,
    title: {
      text: 'A slow reader: memory of the server',
      subtitle: 'one connection floods, the server relays to one that reads 1 MiB a second',
    },
    data: { values },
    mark: 'line',
    encoding: {
      x: { field: 'seconds', type: 'quantitative', title: 'seconds' },
      y: { field: 'mebibytes', type: 'quantitative', title: 'MiB in RAM' },
      strokeWidth: { condition: { test: "datum.peer === 'twobyte'", value: 5 }, value: 2 },
      color: {
        field: 'peer', type: 'nominal', title: null, sort: null, legend: { labelLimit: 0 },
        scale: { range: COLOURS },
      },
    },
  });
}
const streamReport = loadFirst<StreamResults>('stream', loadReport);
if (streamReport !== null) {
  const { runs } = streamReport.results;
  const values = runs.flatMap(({ name, samples }) => samples.flatMap(({ seconds, client, server }) => [
    { name, seconds, end: 'client', mebibytes: client / MEBIBYTE },
    { name, seconds, end: 'server', mebibytes: server / MEBIBYTE },
  ]));
  await writeChart(benchPath('../docs/stream.svg'), {
    title: {
      text: 'Messages larger than memory: memory of both ends',
      subtitle: `MiB above the start; ${runs[0]!.mebibytes} MiB in one message to the server, then to the client`,
    },
    data: { values },
    facet: { field: 'name', type: 'nominal', sort: runs.map(({ name }) => name), title: null },
    columns: 2,
    resolve: { scale: { x: 'independent' } },
    spec: {
      width: 300,
      height: 200,
      mark: 'line',
      encoding: {
        x: { field: 'seconds', type: 'quantitative', title: 'seconds', axis: { tickCount: 4 } },
        y: { field: 'mebibytes', type: 'quantitative', title: null },
        color: { field: 'end', type: 'nominal', title: null, sort: null, scale: { range: COLOURS } },
      },
    },
  });
}
const echoReport = loadFirst<Cases>('echo', loadReport);
if (echoReport !== null) {
  const values = goalsIn(echoReport.results).flatMap(({ name, outcomes }) => {
    return outcomes.map(({ peer, cpuPerMessage }) => ({ name, peer, cpuPerMessage }));
  });
  await writeChart(benchPath('../docs/echo.svg'), {
    title: {
      text: 'What an echo costs the server',
      subtitle: 'microseconds of CPU time for one message; shorter is better',
    },
    data: { values },
    facet: { field: 'name', type: 'nominal', sort: values.map(({ name }) => name), title: null },
    columns: 2,
    resolve: { scale: { x: 'independent' } },
    spec: {
      width: 300,
      height: 200,
      mark: 'bar',
      encoding: {
        y: { field: 'peer', type: 'nominal', sort: null, title: null },
        x: { field: 'cpuPerMessage', type: 'quantitative', title: null },
        color: {
          condition: { test: "indexof(datum.peer, 'twobyte') === 0", value: '#2856c8' },
          value: '#9aa7b8',
        },
      },
    },
  });
}
