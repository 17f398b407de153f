// One WebSocket at a time, and a list of what went over it.
import { askOverHttp } from './ask-over-http.js';
import { find } from './find.js';

const state = find(document, '#state', HTMLElement);
const connect = find(document, '#connect', HTMLButtonElement);
const close = find(document, '#close', HTMLButtonElement);
const form = find(document, '#form', HTMLFormElement);
const message = find(document, '#message', HTMLInputElement);
const binary = find(document, '#binary', HTMLInputElement);
const send = find(document, '#send', HTMLButtonElement);
const messages = find(document, '#messages', HTMLElement);
const entry = find(document, '#entry', HTMLTemplateElement);

const MAX_ENTRIES = 200;
const MAX_SHOWN = 1000;
/** @type {Readonly<Record<number, string>>} */
const meanings = { 1000: 'normal closure', 1001: 'going away', 1009: 'message too big', 1011: 'internal error' };

const url = new URL('/echo/', location.href);
url.protocol = url.protocol.replace('http', 'ws');

/**
 * The current WebSocket; null while there is none.
 * @type {WebSocket | null}
 */
let socket = null;

/**
 * @param {'closed' | 'connecting' | 'open' | 'closing' | 'away'} name
 * @param {string} text
 */
function show(name, text) {
  state.dataset.state = name;
  state.textContent = text;
  connect.disabled = socket !== null;
  close.disabled = send.disabled = name !== 'open';
}

/**
 * @param {boolean} wasOpen
 * @param {CloseEvent} event
 */
async function describeClose(wasOpen, { code, reason }) {
  const meaning = meanings[code] ? ' (' + meanings[code] + ')' : '';
  if (code !== 1006) return 'Closed with ' + code + meaning + (reason ? ': ' + reason : '');
  if (wasOpen) return 'The connection broke off (1006): connect again.';
  const answer = await askOverHttp(url);
  if (answer === null) return 'The server is away (1006): start it, then connect again.';
  return 'The server is there, but opened no WebSocket (1006): it answers HTTP with ' + answer + '.';
}

/** @param {Uint8Array} bytes */
function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/**
 * @param {'sent' | 'received'} direction
 * @param {string | Uint8Array | ArrayBuffer} data
 */
function list(direction, data) {
  const isText = typeof data === 'string';
  const bytes = isText ? new TextEncoder().encode(data) : new Uint8Array(data);
  const shown = isText ? data : hex(bytes.subarray(0, MAX_SHOWN));
  const now = new Date();
  const item = find(/** @type {DocumentFragment} */ (entry.content.cloneNode(true)), 'li', HTMLElement);
  /** @type {(selector: string, text: string) => void} */
  const fill = (selector, text) => void (find(item, selector, HTMLElement).textContent = text);
  item.dataset.direction = direction;
  item.dataset.kind = isText ? 'text' : 'binary';
  fill('.content', shown.length > MAX_SHOWN ? shown.slice(0, MAX_SHOWN) + '…' : shown);
  fill('.direction', direction);
  fill('.kind', isText ? 'text' : 'binary');
  fill('.size', bytes.length.toLocaleString('en') + (bytes.length === 1 ? ' byte' : ' bytes'));
  fill('time', now.toTimeString().slice(0, 8));
  find(item, 'time', HTMLTimeElement).dateTime = now.toISOString();
  messages.prepend(item);
  if (messages.childElementCount > MAX_ENTRIES) messages.lastElementChild?.remove();
}

connect.addEventListener('click', () => {
  let wasOpen = false;
  const mine = new WebSocket(url);
  socket = mine;
  mine.binaryType = 'arraybuffer';
  show('connecting', 'Connecting to ' + url + ' …');
  mine.addEventListener('open', () => {
    wasOpen = true;
    show('open', 'Connected to ' + url);
    message.focus();
  });
  mine.addEventListener('message', ({ data }) => list('received', data));
  mine.addEventListener('close', async (event) => {
    // Once the page was left, it is done with this socket.
    if (socket !== mine) return;
    const text = await describeClose(wasOpen, event);
    if (socket !== mine) return;
    socket = null;
    show(event.code === 1006 ? 'away' : 'closed', text);
    // The button with the focus may be disabled now; a user who is typing can go on.
    if (document.activeElement !== message) connect.focus();
  });
});

close.addEventListener('click', () => {
  show('closing', 'Closing …');
  socket?.close(1000);
});

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const data = binary.checked ? new TextEncoder().encode(message.value) : message.value;
  socket?.send(data);
  list('sent', data);
  message.value = '';
  message.focus();
});

// A browser may keep a page that was left: with its socket open, but its script stopped.
addEventListener('pagehide', () => {
  if (socket === null) return;
  socket.close();
  socket = null;
  show('closed', 'Closed when you left this page: connect again.');
});

show('closed', 'Not connected');
