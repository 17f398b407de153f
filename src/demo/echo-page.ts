// The page of the demo, as the files a browser asks for: hand-written HTML, CSS and script, nothing from elsewhere.
import { askOverHttp, pageFile } from './page-file.js';
import type { ReplyParts } from '../server/reply.js';

const html = /* html */ `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>twobyte echo</title>
  <link rel="icon" href="/home/icon.svg">
  <link rel="stylesheet" href="/home/style.css">
  <script src="/home/script.js" type="module"></script>
</head>
<body>
  <header>
    <img src="/home/icon.svg" alt="" width="48" height="48">
    <h1>twobyte echo</h1>
    <p>A WebSocket takes what you send to this server, and brings it back.</p>
  </header>
  <main>
    <section class="panel" aria-label="Connection">
      <p id="state" role="status">Not connected</p>
      <div class="buttons">
        <button id="connect" type="button" disabled>connect</button>
        <button id="close" type="button" disabled>close</button>
      </div>
      <!-- Without the script, it goes to the same route over HTTP. -->
      <form id="form" action="/echo/">
        <label for="message">Message</label>
        <input id="message" name="message" value="Hello, World!" autocomplete="off" enterkeyhint="send">
        <label class="option"><input id="binary" type="checkbox"> as binary</label>
        <button id="send">send</button>
      </form>
    </section>
    <h2>Messages</h2>
    <ol id="messages" reversed aria-live="polite"></ol>
    <template id="entry">
      <li>
        <p class="content"></p>
        <p class="details">
          <b class="direction"></b> <span class="kind"></span> <span class="size"></span> <time></time>
        </p>
      </li>
    </template>
  </main>
  <footer>
    <p>What does it save? <a href="/race/">See it race against polling</a>.</p>
    <p>The same route answers plain HTTP: <a href="/echo/?message=Hello,+World!">/echo/?message=Hello,+World!</a></p>
  </footer>
</body>
</html>
`;

const style = /* css */ `:root {
  color-scheme: light dark;
  --ground: #f3f5f8;
  --surface: #ffffff;
  --line: #dbe1ea;
  --field-line: #7d899c;
  --text: #1a2230;
  --muted: #566175;
  --accent: #2856c8;
  --on-accent: #ffffff;
  --good: #13795b;
  --waiting: #8f6200;
  --bad: #b93129;
}

@media (prefers-color-scheme: dark) {
  :root {
    --ground: #10141b;
    --surface: #181e28;
    --line: #2a3341;
    --field-line: #68758a;
    --text: #e7eaf0;
    --muted: #9ba6b8;
    --accent: #8db0ff;
    --on-accent: #0e1726;
    --good: #5cc9a0;
    --waiting: #e0b04c;
    --bad: #ff8a7d;
  }
}

* { box-sizing: border-box; margin: 0; }

body {
  max-width: 46rem;
  margin: 0 auto;
  padding: clamp(1.25rem, 5vw, 3.5rem) 1rem 3rem;
  background: var(--ground);
  color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif;
}

header { display: grid; grid-template-columns: auto 1fr; align-items: center; column-gap: 1rem; }
header img { grid-row: span 2; }
header p { color: var(--muted); }
h1 { font-size: 1.375rem; font-weight: 650; line-height: 1.2; letter-spacing: -0.01em; }
h2 { margin: 2rem 0 0.5rem; font-size: 1rem; font-weight: 600; color: var(--muted); }
footer { margin-top: 2rem; color: var(--muted); font-size: 0.875rem; overflow-wrap: anywhere; }
footer p + p { margin-top: 0.5rem; }
a { color: var(--accent); }

.panel {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 1rem;
  margin-top: 1.5rem;
  padding: 1.25rem;
  border: 1px solid var(--line);
  border-radius: 0.875rem;
  background: var(--surface);
}

#state { flex: 1 1 18rem; padding-left: 1.25rem; overflow-wrap: anywhere; }
#state::before {
  content: "";
  float: left;
  width: 0.625rem;
  height: 0.625rem;
  margin: 0.45rem 0 0 -1.25rem;
  border-radius: 50%;
  background: var(--state, var(--muted));
}
#state[data-state="open"] { --state: var(--good); }
#state[data-state="connecting"], #state[data-state="closing"] { --state: var(--waiting); }
#state[data-state="away"] { --state: var(--bad); }

.buttons { display: flex; gap: 0.5rem; }

form { display: grid; grid-template-columns: 1fr auto auto; align-items: center; column-gap: 1rem; flex: 1 1 100%; }
form > label:first-child { grid-column: 1 / -1; margin-bottom: 0.25rem; color: var(--muted); font-size: 0.875rem; }
.option { display: flex; align-items: center; gap: 0.5rem; min-height: 2.75rem; }
.option input { width: 1.125rem; height: 1.125rem; accent-color: var(--accent); }

button, #message { min-height: 2.75rem; border: 1px solid var(--field-line); border-radius: 0.5rem; font: inherit; }
#message { min-width: 0; width: 100%; padding: 0 0.75rem; background: var(--ground); color: inherit; }
button { padding: 0 1.125rem; background: var(--surface); color: inherit; font-weight: 550; cursor: pointer; }
button:hover { border-color: var(--accent); color: var(--accent); }
#connect, #send { border-color: transparent; background: var(--accent); color: var(--on-accent); }
#connect:hover, #send:hover { filter: brightness(1.1); }
button:disabled, #connect:disabled, #send:disabled {
  border-color: var(--line);
  background: transparent;
  color: var(--muted);
  filter: none;
  opacity: 0.75;
  cursor: default;
}
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }

ol { padding: 0; list-style: none; border: 1px solid var(--line); border-radius: 0.875rem; background: var(--surface); }
ol:empty { padding: 0.75rem 1.25rem; color: var(--muted); }
ol:empty::before { content: "None yet: connect, then send one."; }
li { display: grid; grid-template-columns: auto 1fr auto; column-gap: 0.75rem; padding: 0.75rem 1.25rem; }
li + li { border-top: 1px solid var(--line); }
li::before { content: var(--arrow) / ""; color: var(--direction); font-weight: 600; }
[data-direction="sent"] { --arrow: "↑"; --direction: var(--accent); }
[data-direction="received"] { --arrow: "↓"; --direction: var(--good); }
.direction { color: var(--direction); font-weight: 600; }
.content { min-width: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
[data-kind="binary"] .content { font-family: ui-monospace, monospace; font-size: 0.9375rem; }
.details { color: var(--muted); font-size: 0.875rem; line-height: 1.7; font-variant-numeric: tabular-nums; }
.details > :not(:last-child)::after { content: " · "; color: var(--muted); font-weight: 400; }

@media (max-width: 34rem) {
  header { row-gap: 0.5rem; }
  header img { grid-row: auto; }
  header p { grid-column: 1 / -1; }
  .buttons { flex: 1 1 100%; }
  .buttons button { flex: 1; }
  form { grid-template-columns: 1fr auto; row-gap: 0.75rem; }
  form > label:first-child { margin-bottom: -0.5rem; }
  #message { grid-column: 1 / -1; }
  .panel, li, ol:empty { padding-inline: 1rem; }
  .details { grid-column: 2; font-size: 0.8125rem; }
}
`;

const script = /* js */ `// One WebSocket at a time, and a list of what went over it.
const [state, connect, close, form, message, binary, send, messages, entry] = [
  'state', 'connect', 'close', 'form', 'message', 'binary', 'send', 'messages', 'entry',
].map((id) => document.getElementById(id));

const MAX_ENTRIES = 200;
const MAX_SHOWN = 1000;
const meanings = { 1000: 'normal closure', 1001: 'going away', 1009: 'message too big', 1011: 'internal error' };

const url = new URL('/echo/', location);
url.protocol = url.protocol.replace('http', 'ws');

/** The WebSocket of the moment; null while there is none. */
let socket = null;

function show(name, text) {
  state.dataset.state = name;
  state.textContent = text;
  connect.disabled = socket !== null;
  close.disabled = send.disabled = name !== 'open';
}

async function describeClose(wasOpen, { code, reason }) {
  const meaning = meanings[code] ? ' (' + meanings[code] + ')' : '';
  if (code !== 1006) return 'Closed with ' + code + meaning + (reason ? ': ' + reason : '');
  if (wasOpen) return 'The connection broke off (1006): connect again.';
  const answer = await askOverHttp(url);
  if (answer === null) return 'The server is away (1006): start it, then connect again.';
  return 'The server is there, but opened no WebSocket (1006): it answers HTTP with ' + answer + '.';
}
${askOverHttp}
function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

function list(direction, data) {
  const isText = typeof data === 'string';
  const bytes = isText ? new TextEncoder().encode(data) : new Uint8Array(data);
  const shown = isText ? data : hex(bytes.subarray(0, MAX_SHOWN));
  const now = new Date();
  const item = entry.content.cloneNode(true).firstElementChild;
  const fill = (selector, text) => (item.querySelector(selector).textContent = text);
  item.dataset.direction = direction;
  item.dataset.kind = isText ? 'text' : 'binary';
  fill('.content', shown.length > MAX_SHOWN ? shown.slice(0, MAX_SHOWN) + '…' : shown);
  fill('.direction', direction);
  fill('.kind', item.dataset.kind);
  fill('.size', bytes.length.toLocaleString('en') + (bytes.length === 1 ? ' byte' : ' bytes'));
  fill('time', now.toTimeString().slice(0, 8));
  item.querySelector('time').dateTime = now.toISOString();
  messages.prepend(item);
  if (messages.childElementCount > MAX_ENTRIES) messages.lastElementChild.remove();
}

connect.addEventListener('click', () => {
  let wasOpen = false;
  const mine = socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  show('connecting', 'Connecting to ' + url + ' …');
  socket.addEventListener('open', () => {
    wasOpen = true;
    show('open', 'Connected to ' + url);
    message.focus();
  });
  socket.addEventListener('message', ({ data }) => list('received', data));
  socket.addEventListener('close', async (event) => {
    // Once the page was left, this one is over for it.
    if (socket !== mine) return;
    const text = await describeClose(wasOpen, event);
    if (socket !== mine) return;
    socket = null;
    show(event.code === 1006 ? 'away' : 'closed', text);
    // The button that had the focus may be disabled now; whoever is typing goes on.
    if (document.activeElement !== message) connect.focus();
  });
});

close.addEventListener('click', () => {
  show('closing', 'Closing …');
  socket.close(1000);
});

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const data = binary.checked ? new TextEncoder().encode(message.value) : message.value;
  socket.send(data);
  list('sent', data);
  message.value = '';
  message.focus();
});

// A browser may keep a page that was left, with its socket open, but without running its script.
addEventListener('pagehide', () => {
  if (socket === null) return;
  socket.close();
  socket = null;
  show('closed', 'Closed when you left this page: connect again.');
});

show('closed', 'Not connected');
`;

/** Two bytes side by side. */
const icon = /* svg */ `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40">
  <rect width="40" height="40" rx="9" fill="#2856c8"/>
  <rect x="8" y="12" width="10.5" height="16" rx="3" fill="#fff"/>
  <rect x="21.5" y="12" width="10.5" height="16" rx="3" fill="#9fbcff"/>
</svg>
`;

/** The page itself. */
export const page = pageFile('text/html', html);

/** The replies to plain HTTP by path: the page, and the files that it consists of. */
export const pageFiles: Readonly<Record<string, ReplyParts>> = {
  '/home/': page,
  '/home/style.css': pageFile('text/css', style),
  '/home/script.js': pageFile('text/javascript', script),
  '/home/icon.svg': pageFile('image/svg+xml', icon),
};
