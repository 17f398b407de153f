// The distribution of latencies as a picture: for each part of all answers, how long those took at most.
import type { Histogram } from './histogram.js';

const WIDTH = 760;
const HEIGHT = 400;
/** Where the curve is drawn. */
const LEFT = 70;
const RIGHT = WIDTH - 90;
const TOP = 60;
const BOTTOM = HEIGHT - 60;

/** What is marked of all answers. */
const PARTS = [0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999];

/** So many ticks on an axis can be read; of more, only the powers of ten are shown. */
const MAX_TICKS = 10;

const STYLE = `text { font: 12px system-ui, sans-serif; fill: #333 } .title { font-size: 15px }
  .back { fill: #fff } .grid { stroke: #ddd }
  .curve { fill: none; stroke: #1f6fb4; stroke-width: 2 } .dot { fill: #1f6fb4 }
  @media (prefers-color-scheme: dark) {
    text { fill: #ccc } .back { fill: #181818 } .grid { stroke: #444 } .curve { stroke: #6db3f2 } .dot { fill: #6db3f2 }
  }`;

/**
 * Both axes are logarithmic: each step to the right is one more nine, each upwards is longer by the same factor. So the
 * rarest answers, which are the slowest, take as much room as all others.
 * @param title in the words of the report
 * @returns an SVG document of its own.
 */
export function plot(latencies: Histogram, title: string): string {
  const { count, longest } = latencies;
  /** 1 for 90 %, 2 for 99 %, and so on; at the right is the longest of all. */
  const nines = Math.max(Math.log10(count), 1);
  const lowest = stepBelow(latencies.quantile(0));
  const highest = Math.max(stepAbove(longest), stepAbove(lowest + 1));
  const x = (nine: number): number => round(LEFT + ((RIGHT - LEFT) * nine) / nines);
  const y = (time: number): number => {
    const part = Math.log(Math.max(time, 1) / lowest) / Math.log(highest / lowest);
    return round(BOTTOM - (BOTTOM - TOP) * part);
  };
  const at = (nine: number): number => (nine < nines ? latencies.quantile(1 - 10 ** -nine) : longest);
  const points = Array.from({ length: RIGHT - LEFT + 1 }, (_, pixel) => {
    const nine = (nines * pixel) / (RIGHT - LEFT);
    return `${x(nine)},${y(at(nine))}`;
  });
  const marks = PARTS.map((part) => ({ part, nine: -Math.log10(1 - part) }));
  // The last must not touch the end.
  const shown = marks.filter(({ nine }) => nine < nines - 0.2);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}">`,
    `<style>${STYLE}</style>`,
    `<rect class="back" width="${WIDTH}" height="${HEIGHT}"/>`,
    text(LEFT, 24, title, 'class="title"'),
    text(LEFT, 44, `latency in milliseconds that so many of ${count} answers don't exceed`),
    ...ticksBetween(lowest, highest).flatMap((time) => [
      line(LEFT, y(time), RIGHT, y(time)),
      text(LEFT - 8, y(time) + 4, milliseconds(time), 'text-anchor="end"'),
    ]),
    ...shown.flatMap(({ part, nine }) => [
      line(x(nine), TOP, x(nine), BOTTOM),
      text(x(nine), BOTTOM + 20, `${round(100 * part)} %`, 'text-anchor="middle"'),
    ]),
    text(RIGHT, BOTTOM + 20, 'all', 'text-anchor="middle"'),
    ...(count === 0 ? [] : [
      `<polyline class="curve" points="${points.join(' ')}"/>`,
      ...[...shown.map(({ nine }) => nine), nines].flatMap((nine) => [
        `<circle class="dot" cx="${x(nine)}" cy="${y(at(nine))}" r="4"/>`,
        text(x(nine) + 4, y(at(nine)) + 18, milliseconds(at(nine))),
      ]),
    ]),
    '</svg>\n',
  ].join('\n');
}

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x}" y="${y}" ${attributes}>${content}</text>`;
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="grid" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/>`;
}

/** As much of it as can be told apart. @param time in microseconds */
function milliseconds(time: number): string {
  return String(Number((time / 1000).toPrecision(3)));
}

function round(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}

/** The steps of the axis are 1, 2 and 5 microseconds, and ten times, a hundred times … these. */
function stepsFrom(power: number): number[] {
  return [1, 2, 5, 10].map((digit) => digit * 10 ** power);
}

function powerOf(time: number): number {
  return Math.floor(Math.log10(time));
}

function stepBelow(time: number): number {
  const most = Math.max(time, 1);
  return stepsFrom(powerOf(most)).findLast((step) => step <= most)!;
}

function stepAbove(time: number): number {
  const least = Math.max(time, 1);
  return stepsFrom(powerOf(least)).find((step) => step >= least)!;
}

function ticksBetween(lowest: number, highest: number): number[] {
  const powers = Array.from({ length: powerOf(highest) - powerOf(lowest) + 1 }, (_, index) => powerOf(lowest) + index);
  const all = powers.flatMap((power) => stepsFrom(power).slice(0, 3));
  const ticks = all.filter((step) => step >= lowest && step <= highest);
  return ticks.length <= MAX_TICKS ? ticks : ticks.filter((step) => Number.isInteger(Math.log10(step)));
}
