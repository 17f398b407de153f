// What runs in the browser on the page of the race.
import { askOverHttp } from './page-file.js';

export const script = /* js */ `// Four lanes that get the same updates, each in its own way, and a picture of it.
const controls = document.getElementById('controls');
const toggle = document.getElementById('toggle');
const state = document.getElementById('state');
const verdict = document.getElementById('verdict');

/** Milliseconds that a picture shows, and updates over which the delay is taken. */
const SHOWN = 8000;
const DELAYS = 50;

/** The close code of a race too many. */
const TOO_MANY_RACES = 4013;

const names = {
  polling: 'polling', 'long-polling': 'long polling', streaming: 'streaming', websocket: 'the WebSocket',
};
const number = new Intl.NumberFormat('en');
const motion = matchMedia('(prefers-reduced-motion: reduce)');

const question = verdict.textContent;

/** The race of the moment; null while none is under way. */
let race = null;
let lanes = [];

/** Whether a race is to start as soon as the page is in sight. */
let isResting = true;

/** Milliseconds since 1970 by the clock of this machine. */
function now() {
  return performance.timeOrigin + performance.now();
}

class Lane {
  constructor(id, start) {
    this.id = id;
    this.start = start;
    this.element = document.getElementById(id);
    this.canvas = this.element.querySelector('canvas');
    this.values = Object.fromEntries(Array.from(this.element.querySelectorAll('[data-value]'), (one) => {
      return [one.dataset.value, one];
    }));
    this.last = 0;
    this.delays = [];
    this.counts = { requests: 0, wasted: 0, bytesRead: 0, bytesWritten: 0, bytesWasted: 0 };
    /** What the picture shows: requests, or connections, and updates. */
    this.requests = [];
    this.updates = [];
    this.stop = () => {};
  }

  get bytes() {
    return this.counts.bytesRead + this.counts.bytesWritten;
  }

  open(isHeld) {
    const request = { start: now(), end: null, isNews: false, isHeld };
    this.requests.push(request);
    return request;
  }

  close(request, isNews) {
    request.end = now();
    request.isNews = isNews;
  }

  /** An update has come. */
  take({ at }) {
    const arrived = now();
    const published = Math.min(at - race.clockOffset, arrived);
    this.last++;
    this.delays.push(arrived - published);
    if (this.delays.length > DELAYS) this.delays.shift();
    this.updates.push({ published, arrived });
  }

  /** Asks for what is new; false if there was nothing. */
  async fetch(path, signal, isHeld) {
    const request = this.open(isHeld);
    let isNews = false;
    try {
      const response = await fetch(race.address(path + '?after=' + this.last), { signal });
      if (!response.ok) throw new Error('answered with ' + response.status);
      if (response.status === 204) return;
      const { updates } = await response.json();
      for (const update of updates) this.take(update);
      isNews = true;
    } finally {
      this.close(request, isNews);
    }
  }

  show(most) {
    const { values, counts, delays, bytes } = this;
    const shares = [['.all', bytes], ['.wasted', counts.bytesWasted]];
    for (const [part, share] of shares) {
      this.element.querySelector(part).style.width = (most === 0 ? 0 : (100 * share) / most) + '%';
    }
    values.bytes.textContent = number.format(bytes);
    values.each.textContent = this.last === 0 ? '–' : number.format(Math.round(bytes / this.last)) + ' B';
    values.requests.textContent = number.format(counts.requests);
    values.wasted.textContent = number.format(counts.wasted);
    values.delay.textContent = delays.length === 0 ? '–' : formatTime(median(delays));
  }
}

function median(list) {
  const sorted = list.slice().sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function formatTime(milliseconds) {
  if (milliseconds < 9.95) return milliseconds.toFixed(1) + ' ms';
  if (milliseconds < 999.5) return milliseconds.toFixed(0) + ' ms';
  return (milliseconds / 1000).toFixed(1) + ' s';
}

// ── The four ways ──

function startPolling(lane) {
  const controller = new AbortController();
  let isAsking = false;
  const ask = async () => {
    // A slow server is not asked again before it has answered.
    if (isAsking) return;
    isAsking = true;
    await lane.fetch('polling', controller.signal, false).catch(() => {});
    isAsking = false;
  };
  const timer = setInterval(ask, race.poll);
  ask();
  lane.stop = () => {
    clearInterval(timer);
    controller.abort();
  };
}

async function startLongPolling(lane) {
  const controller = new AbortController();
  lane.stop = () => controller.abort();
  try {
    while (!controller.signal.aborted) await lane.fetch('long-polling', controller.signal, true);
  } catch {
    // The race is over, or its server away: the control connection tells.
  }
}

function startStreaming(lane) {
  const request = lane.open(true);
  const source = new EventSource(race.address('streaming'));
  source.addEventListener('message', ({ data }) => lane.take(JSON.parse(data)));
  lane.stop = () => {
    source.close();
    lane.close(request, true);
  };
}

/** To close one that is not open yet is an error to the browser; but a page that was left can't wait until it is. */
function closeSocket(socket, isLeft) {
  if (socket.readyState !== WebSocket.CONNECTING || isLeft) socket.close();
  else socket.addEventListener('open', () => socket.close());
}

function startWebSocket(lane) {
  const request = lane.open(true);
  const socket = new WebSocket(race.address('websocket').href.replace('http', 'ws'));
  socket.addEventListener('message', ({ data }) => lane.take(JSON.parse(data)));
  lane.stop = (isLeft) => {
    closeSocket(socket, isLeft);
    lane.close(request, true);
  };
}

// ── The race ──

function start() {
  stop();
  isResting = false;
  const settings = new FormData(controls);
  const control = new URL('/race/control', location);
  control.search = 'interval=' + settings.get('interval') + '&size=' + settings.get('size');
  control.protocol = control.protocol.replace('http', 'ws');
  const socket = new WebSocket(control);
  const poll = Number(settings.get('poll'));
  const mine = { socket, poll, address: null, clockOffset: 0, oneWay: Infinity, pings: 0 };
  race = mine;
  lanes = [
    new Lane('polling', startPolling), new Lane('long-polling', startLongPolling),
    new Lane('streaming', startStreaming), new Lane('websocket', startWebSocket),
  ];
  verdict.textContent = question;
  showCounts();
  show('starting', 'Starting …', 'Stop');
  socket.addEventListener('message', ({ data }) => {
    if (race === mine) receive(JSON.parse(data));
  });
  let wasOpen = false;
  socket.addEventListener('open', () => (wasOpen = true));
  socket.addEventListener('close', async ({ code }) => {
    if (race !== mine) return;
    const text = await describeClose(code, wasOpen, control);
    if (race !== mine) return;
    stop();
    show('away', text, 'Start');
  });
}

async function describeClose(code, wasOpen, url) {
  if (code === TOO_MANY_RACES) return 'Too many races: try again later';
  if (code === 1001) return 'The server is away';
  if (code !== 1006) return 'The server closed with ' + code;
  if (wasOpen) return 'The connection broke off';
  const answer = await askOverHttp(url);
  if (answer === null) return 'The server is away';
  return 'The server is there, but opened no WebSocket: it answers HTTP with ' + answer;
}
${askOverHttp}
function receive({ over, race: name, lanes: counts, time, now: serverTime }) {
  if (over) {
    stop();
    show('stopped', 'Over after ten minutes', 'Start');
  } else if (name !== undefined) {
    race.address = (path) => new URL('/race/' + name + '/' + path, location);
    ping();
  } else if (counts !== undefined) {
    for (const lane of lanes) lane.counts = counts[lane.id];
    showCounts();
  } else {
    const received = now();
    // The shortest of some round trips tells best by how much the server's clock is ahead.
    if ((received - time) / 2 < race.oneWay) {
      race.oneWay = (received - time) / 2;
      race.clockOffset = serverTime - (time + race.oneWay);
    }
    race.pings++;
    if (race.pings < 5) ping();
    else begin();
  }
}

function ping() {
  race.socket.send(JSON.stringify({ time: now() }));
}

function begin() {
  show('running', 'Running', 'Stop');
  for (const lane of lanes) lane.start(lane);
}

function stop(isLeft = false) {
  if (race === null) return;
  for (const lane of lanes) lane.stop(isLeft);
  closeSocket(race.socket, isLeft);
  race = null;
}

function show(name, text, action) {
  state.dataset.state = name;
  state.textContent = text;
  toggle.textContent = action;
}

function showCounts() {
  const most = Math.max(...lanes.map((lane) => lane.bytes));
  for (const lane of lanes) lane.show(most);
  const reached = Math.min(...lanes.map((lane) => lane.last));
  if (reached < 3) return;
  const [cheapest, ...others] = lanes.slice().sort((a, b) => a.bytes / a.last - b.bytes / b.last);
  const dearest = others.at(-1);
  const factor = dearest.bytes / dearest.last / (cheapest.bytes / cheapest.last);
  const strong = document.createElement('b');
  strong.textContent = (factor < 9.95 ? factor.toFixed(1) : factor.toFixed(0)) + ' times the bytes';
  const subject = names[dearest.id];
  verdict.replaceChildren(
    'For the same ' + number.format(reached) + ' updates, ' + subject + ' needed ', strong,
    ' of ' + names[cheapest.id] + '.',
  );
}

// ── The picture ──

const styles = getComputedStyle(document.documentElement);
let colours = {};

function readColours() {
  const names = ['line', 'nothing', 'polling', 'long-polling', 'streaming', 'websocket'];
  colours = Object.fromEntries(names.map((name) => [name, styles.getPropertyValue('--' + name)]));
}

/** Pixels for so many bytes: their area would be too large, their logarithm too much alike. */
function thickness(bytes) {
  return Math.min(Math.max(Math.sqrt(bytes) / 6, 1), 7);
}

function draw(lane, time) {
  const { canvas, counts, requests, updates } = lane;
  const scale = devicePixelRatio;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  const context = canvas.getContext('2d');
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const colour = colours[lane.id];
  const top = 13;
  const bottom = height - 13;
  const x = (at) => width - 6 - ((time - at) / SHOWN) * width;
  const line = (x1, y1, x2, y2, stroke, thick) => {
    context.strokeStyle = stroke;
    context.lineWidth = thick;
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    context.stroke();
  };
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

  // While the line is open.
  context.globalAlpha = 0.12;
  context.fillStyle = colour;
  for (const { start, end, isHeld } of requests) {
    if (isHeld) context.fillRect(x(start), top, x(end ?? time) - x(start), bottom - top);
  }
  context.globalAlpha = 1;
  line(0, top, width, top, colours.line, 1);
  line(0, bottom, width, bottom, colours.line, 1);

  // Requests go up, and replies without news come down. On a fast network both would be one line: they are drawn apart.
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
    const left = Math.max(published, arrived - race.oneWay);
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

let drawn = 0;

function drawAll(timestamp) {
  requestAnimationFrame(drawAll);
  if (race === null || (motion.matches && timestamp - drawn < 1000)) return;
  drawn = timestamp;
  const time = now();
  for (const lane of lanes) draw(lane, time);
}

// ── What a person does ──

controls.addEventListener('change', start);
controls.addEventListener('submit', (event) => event.preventDefault());
toggle.addEventListener('click', () => {
  if (race === null) {
    start();
    return;
  }
  stop();
  show('stopped', 'Stopped', 'Start');
});

// A page that nobody sees needs no updates, nor one that was left and that the browser keeps.
function rest(isLeft) {
  if (race === null) return;
  isResting = true;
  stop(isLeft);
  show('stopped', 'Stopped while out of sight', 'Start');
}

function wake() {
  if (isResting && !document.hidden) start();
}

document.addEventListener('visibilitychange', () => (document.hidden ? rest(false) : wake()));
addEventListener('pagehide', () => rest(true));
// The first time, too: not before it does the browser fill in the settings of an earlier visit.
addEventListener('pageshow', wake);

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', readColours);
readColours();
show('stopped', 'Not started', 'Start');
requestAnimationFrame(drawAll);
`;
