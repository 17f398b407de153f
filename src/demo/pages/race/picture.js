// The picture of a lane: the server's line above, the page's below, and what went between them in the last seconds.
/** @import { Lane } from './lane.js' */

/** Milliseconds that a picture shows. */
const SHOWN = 8000;

const styles = getComputedStyle(document.documentElement);
/** @type {Record<string, string>} */
let colours = {};

export function readColours() {
  const names = ['line', 'nothing', 'polling', 'long-polling', 'streaming', 'websocket'];
  colours = Object.fromEntries(names.map((name) => [name, styles.getPropertyValue('--' + name)]));
}

/**
 * Pixels for a number of bytes. Their area would be too large, and their logarithms too much alike.
 * @param {number} bytes
 */
function thickness(bytes) {
  return Math.min(Math.max(Math.sqrt(bytes) / 6, 1), 7);
}

/**
 * Draws a lane.
 * @param {Lane} lane
 * @param {number} time at the right edge
 */
export function draw(lane, time) {
  const { canvas, counts, requests, updates } = lane;
  const scale = devicePixelRatio;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const colour = colours[lane.id] ?? '';
  const top = 13;
  const bottom = height - 13;
  /** @param {number} at */
  const x = (at) => width - 6 - ((time - at) / SHOWN) * width;
  /** @type {(x1: number, y1: number, x2: number, y2: number, stroke: string, thick: number) => void} */
  const line = (x1, y1, x2, y2, stroke, thick) => {
    context.strokeStyle = stroke;
    context.lineWidth = thick;
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
  };
  /** @type {(at: number, y: number, radius: number, isFilled: boolean) => void} */
  const dot = (at, y, radius, isFilled) => {
    context.beginPath();
    context.arc(at, y, radius, 0, 2 * Math.PI);
    context.fillStyle = context.strokeStyle = colour;
    context.lineWidth = 1.5;
    if (isFilled) context.fill();
    else context.stroke();
  };
  while (requests.length > 0 && requests[0].end !== null && x(requests[0].end) < -20) requests.shift();
  while (updates.length > 0 && x(updates[0].arrived) < -20) updates.shift();

  // The time in which the connection is open.
  context.globalAlpha = 0.12;
  context.fillStyle = colour;
  for (const { start, end, isHeld } of requests) {
    if (isHeld) context.fillRect(x(start), top, x(end ?? time) - x(start), bottom - top);
  }
  context.globalAlpha = 1;
  line(0, top, width, top, colours.line, 1);
  line(0, bottom, width, bottom, colours.line, 1);

  // Requests go up, and replies without news come down. On a fast network they would overlap, so they are drawn apart.
  const read = counts.requests === 0 ? 0 : counts.bytesRead / counts.requests;
  const up = thickness(read);
  const isPush = lane.id === 'streaming' || lane.id === 'websocket';
  const answered = isPush ? lane.last : counts.requests - counts.wasted;
  const bytesForNothing = counts.bytesWasted - counts.wasted * read;
  const down = thickness(answered === 0 ? 0 : (counts.bytesWritten - bytesForNothing) / answered);
  for (const { start, end, isNews } of requests) {
    const at = x(start);
    const isNothing = end !== null && !isNews;
    context.globalAlpha = isNothing ? 1 : 0.5;
    line(at - up / 2 - 1, bottom, at - up / 2 - 1, top, isNothing ? colours.nothing : colour, up);
    if (isNothing) line(x(end) + 1, top, x(end) + 1, bottom, colours.nothing, 1.5);
  }

  // Updates: published at the top, perhaps waiting there, then down.
  for (const { published, arrived } of updates) {
    const left = Math.max(published, arrived - lane.race.oneWay);
    context.globalAlpha = 0.5;
    if (x(left) - x(published) > 1) line(x(published), top, x(left), top, colour, 4);
    context.globalAlpha = 1;
    line(x(left), top, x(arrived), bottom, colour, down);
  }
  for (const { published, arrived } of updates) {
    dot(x(published), top, 3, false);
    dot(x(arrived), bottom, 4, true);
  }
}
