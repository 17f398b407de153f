// Four lanes that get the same updates, each in its own way, and their pictures.
import { askOverHttp } from '../home/ask-over-http.js';
import { find } from '../home/find.js';
import { Lane, now, number } from './lane.js';
import { draw, readColours } from './picture.js';
import { closeSocket, transports } from './transports.js';
/** @import { Counts, LaneName, Race } from './lane.js' */

const controls = find(document, '#controls', HTMLFormElement);
const toggle = find(document, '#toggle', HTMLButtonElement);
const state = find(document, '#state', HTMLElement);
const verdict = find(document, '#verdict', HTMLElement);

/** The close code for one race too many. */
const TOO_MANY_RACES = 4013;

const names = {
  polling: 'polling', 'long-polling': 'long polling', streaming: 'streaming', websocket: 'the WebSocket',
};
const motion = matchMedia('(prefers-reduced-motion: reduce)');

const question = verdict.textContent;

/**
 * The current race; null while there is none.
 * @type {Race | null}
 */
let race = null;
/** @type {Lane[]} */
let lanes = [];

/** Whether to start a race as soon as the page is visible. */
let isResting = true;

// ── The race ──

function start() {
  stop();
  isResting = false;
  const settings = new FormData(controls);
  const control = new URL('/race/control', location.href);
  control.search = `interval=${settings.get('interval')}&size=${settings.get('size')}`;
  control.protocol = control.protocol.replace('http', 'ws');
  const socket = new WebSocket(control);
  const poll = Number(settings.get('poll'));
  /** @type {Race} */
  const mine = { socket, poll, address: () => control, clockOffset: 0, oneWay: Infinity, pings: 0 };
  race = mine;
  lanes = [
    new Lane('polling', mine), new Lane('long-polling', mine),
    new Lane('streaming', mine), new Lane('websocket', mine),
  ];
  verdict.textContent = question;
  showCounts();
  show('starting', 'Starting …', 'Stop');
  socket.addEventListener('message', ({ data }) => {
    if (race === mine) receive(mine, JSON.parse(data));
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

/**
 * @param {number} code
 * @param {boolean} wasOpen
 * @param {URL} url
 */
async function describeClose(code, wasOpen, url) {
  if (code === TOO_MANY_RACES) return 'Too many races: try again later';
  if (code === 1001) return 'The server is away';
  if (code !== 1006) return 'The server closed with ' + code;
  if (wasOpen) return 'The connection broke off';
  const answer = await askOverHttp(url);
  if (answer === null) return 'The server is away';
  return 'The server is there, but opened no WebSocket: it answers HTTP with ' + answer;
}

/**
 * Handles what the server says on the control connection.
 * @param {Race} race
 * @param {{ over?: true, race?: string, lanes?: Record<LaneName, Counts>, time?: number, now?: number }} message
 */
function receive(race, { over, race: name, lanes: counts, time = 0, now: serverTime = 0 }) {
  if (over) {
    stop();
    show('stopped', 'Over after ten minutes', 'Start');
  } else if (name !== undefined) {
    race.address = (path) => new URL(`/race/${name}/${path}`, location.href);
    ping(race);
  } else if (counts !== undefined) {
    for (const lane of lanes) lane.counts = counts[lane.id];
    showCounts();
  } else {
    const received = now();
    // The shortest of several round trips tells best how far the server's clock is ahead.
    if ((received - time) / 2 < race.oneWay) {
      race.oneWay = (received - time) / 2;
      race.clockOffset = serverTime - (time + race.oneWay);
    }
    race.pings++;
    if (race.pings < 5) ping(race);
    else begin();
  }
}

/** @param {Race} race */
function ping({ socket }) {
  socket.send(JSON.stringify({ time: now() }));
}

function begin() {
  show('running', 'Running', 'Stop');
  for (const lane of lanes) transports[lane.id](lane);
}

function stop(isLeft = false) {
  if (race === null) return;
  const { socket } = race;
  race = null;
  const stopped = lanes.map((lane) => lane.stop(isLeft));
  // The race ends with this connection, and would refuse a lane that is still opening its own.
  if (isLeft) void closeSocket(socket, true);
  else void Promise.all(stopped).then(() => closeSocket(socket, false));
}

/**
 * @param {'starting' | 'running' | 'stopped' | 'away'} name
 * @param {string} text
 * @param {'Start' | 'Stop'} action what the button does
 */
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
  if (cheapest === undefined || dearest === undefined) return;
  const factor = dearest.bytes / dearest.last / (cheapest.bytes / cheapest.last);
  const strong = document.createElement('b');
  strong.textContent = (factor < 9.95 ? factor.toFixed(1) : factor.toFixed(0)) + ' times the bytes';
  const subject = names[dearest.id];
  verdict.replaceChildren(
    `For the same ${number.format(reached)} updates, ${subject} needed `, strong, ` of ${names[cheapest.id]}.`,
  );
}

let drawn = 0;

/** @param {number} timestamp */
function drawAll(timestamp) {
  requestAnimationFrame(drawAll);
  if (race === null || (motion.matches && timestamp - drawn < 1000)) return;
  drawn = timestamp;
  const time = now();
  for (const lane of lanes) draw(lane, time);
}

// ── What the user does ──

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

/**
 * A page that nobody sees needs no updates. Neither does one that was left and that the browser keeps.
 * @param {boolean} isLeft
 */
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
// On the first visit, too: the browser fills in the settings of an earlier visit only before this event.
addEventListener('pageshow', wake);

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', readColours);
readColours();
show('stopped', 'Not started', 'Start');
requestAnimationFrame(drawAll);
