// Draws lines over time, and bars, on a canvas.

const styles = getComputedStyle(document.documentElement);
/** @type {Record<string, string>} */
let colours = {};

export function readColours() {
  const names = ['line', 'muted', 'in', 'out'];
  colours = Object.fromEntries(names.map((name) => [name, styles.getPropertyValue('--' + name)]));
}

/** Pixels for the highest value, and for what stands below. */
const ABOVE = 16;
const BELOW = 16;

/** Clears the canvas in the screen's own pixels. @param {HTMLCanvasElement} canvas */
function begin(canvas) {
  const scale = devicePixelRatio;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  context.scale(scale, scale);
  context.font = '12px system-ui, sans-serif';
  context.fillStyle = colours.muted ?? '';
  context.strokeStyle = colours.line ?? '';
  context.beginPath();
  context.moveTo(0, height - BELOW + 0.5);
  context.lineTo(width, height - BELOW + 0.5);
  context.stroke();
  return { context, width, height };
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {number[][]} lines values, the newest last: at the right edge
 * @param {number} shown how many values are as wide as the canvas
 */
export function drawLines(canvas, lines, shown) {
  const { context, width, height } = begin(canvas);
  const highest = Math.max(1, ...lines.flat());
  context.fillText(highest.toLocaleString('en', { notation: 'compact' }), 0, ABOVE - 5);
  context.fillText(`${shown} s ago`, 0, height - 3);
  context.textAlign = 'right';
  context.fillText('now', width, height - 3);
  context.lineWidth = 2;
  context.lineJoin = 'round';
  for (const [index, values] of lines.entries()) {
    context.strokeStyle = (index === 0 ? colours.in : colours.out) ?? '';
    context.beginPath();
    for (const [at, value] of values.entries()) {
      const x = width - 1 - ((values.length - 1 - at) / (shown - 1)) * (width - 2);
      const y = ABOVE + (1 - value / highest) * (height - ABOVE - BELOW - 1);
      context.lineTo(x, y);
    }
    context.stroke();
  }
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {number[]} parts
 */
export function drawBars(canvas, parts) {
  const { context, width, height } = begin(canvas);
  const names = ['1', '3', '10', '30', '100', '300', '> ms'];
  const highest = Math.max(1, ...parts);
  const wide = width / parts.length;
  context.textAlign = 'center';
  for (const [index, part] of parts.entries()) {
    const tall = (part / highest) * (height - ABOVE - BELOW - 1);
    context.fillStyle = colours.in ?? '';
    context.fillRect(index * wide + 2, height - BELOW - tall, wide - 4, tall);
    context.fillStyle = colours.muted ?? '';
    context.fillText(names[index] ?? '', (index + 0.5) * wide, height - 3);
    if (part > 0) context.fillText(String(part), (index + 0.5) * wide, height - BELOW - tall - 4);
  }
}
