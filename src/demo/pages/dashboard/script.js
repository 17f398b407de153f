// The dashboard: follows the server's samples, and shows the last two minutes of them.
import { find } from '../home/find.js';
import { drawBars, drawLines, readColours } from './chart.js';
// @ts-expect-error: serveFeed serves it.
import { follow } from '/dashboard/feed?module';

/**
 * As the server sends it, each second.
 * @typedef {{ open: number, slow: number, opened: number, refused: number, messagesIn: number, messagesOut: number,
 *   bytesIn: number, bytesOut: number, roundTrips: number[] }} Sample
 */

/** Seconds that are shown, and that are summed up. */
const SHOWN = 120;
const SUMMED = 60;

const state = find(document, '#state', HTMLElement);
const canvases = [...document.querySelectorAll('canvas')];

/** @type {Sample[]} */
const samples = [];
let isDrawing = false;

/** @param {number} value */
function count(value) {
  return value.toLocaleString('en', { maximumFractionDigits: 0 });
}

/** @param {number} value */
function bytes(value) {
  const units = ['B', 'kB', 'MB', 'GB'];
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${value.toLocaleString('en', { maximumSignificantDigits: 3 })} ${units[unit]}`;
}

/** @param {(sample: Sample) => number} valueOf */
function lastMinute(valueOf) {
  return samples.slice(-SUMMED).reduce((sum, sample) => sum + valueOf(sample), 0);
}

/** The round trip that half of the connections don't exceed. @param {number[]} parts */
function middle(parts) {
  const names = ['≤ 1 ms', '≤ 3 ms', '≤ 10 ms', '≤ 30 ms', '≤ 100 ms', '≤ 300 ms', '> 300 ms'];
  let left = parts.reduce((sum, part) => sum + part, 0) / 2;
  if (left === 0) return 'none yet';
  return `half ${names[parts.findIndex((part) => (left -= part) <= 0)]}`;
}

/** @type {(name: string, text: string) => void} */
function show(name, text) {
  find(document, `[data-value="${name}"]`, HTMLElement).textContent = text;
}

function draw() {
  isDrawing = false;
  const now = samples.at(-1);
  if (now === undefined) return;
  show('open', count(now.open));
  show('opened', count(lastMinute(({ opened }) => opened)));
  show('messagesIn', count(now.messagesIn));
  show('messagesOut', count(now.messagesOut));
  show('bytesIn', bytes(now.bytesIn));
  show('bytesOut', bytes(now.bytesOut));
  show('slow', count(now.slow));
  show('roundTrips', middle(now.roundTrips));
  show('refused', count(lastMinute(({ refused }) => refused)));
  for (const canvas of canvases) {
    const names = /** @type {(keyof Sample)[] | undefined} */ (canvas.dataset.lines?.split(' '));
    if (names === undefined) drawBars(canvas, now.roundTrips);
    else drawLines(canvas, names.map((name) => samples.map((sample) => Number(sample[name]))), SHOWN);
  }
}

/** At most once for each picture of the screen, and not while nobody looks. */
function drawSoon() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(draw);
}

/** @param {{ state: string, transport: string, error?: Error }} change */
function tell(change) {
  const texts = { connecting: 'Connecting', open: `Live, by ${change.transport}`, waiting: 'The server is away' };
  state.dataset.state = change.state;
  state.textContent = texts[/** @type {keyof typeof texts} */ (change.state)] ?? 'The end';
}

readColours();
addEventListener('resize', drawSoon);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  readColours();
  drawSoon();
});

for await (const { value, missed } of follow('/dashboard/feed', { onChange: tell })) {
  // What the samples of another life would add up to means nothing.
  if (missed === 'unknown') samples.length = 0;
  samples.push(value);
  if (samples.length > SHOWN) samples.shift();
  drawSoon();
}
