// The page of the race, as the files a browser asks for; its script is in `race-script.ts`.
import { pageFile } from './page-file.js';
import { script } from './race-script.js';
import type { ReplyParts } from '../server/reply.js';

/** One row of the page: the name of a transport, what it does, and where its numbers and its picture go. */
function lane(id: string, name: string, how: string): string {
  return /* html */ `
      <li class="lane" id="${id}">
        <div class="name">
          <h2>${name}</h2>
          <p>${how}</p>
        </div>
        <div class="track">
          <span class="side server" aria-hidden="true">server</span>
          <span class="side client" aria-hidden="true">page</span>
          <canvas role="img" aria-label="${name}: requests and updates of the last seconds between server and page">
          </canvas>
        </div>
        <div class="cost">
          <p class="total"><span data-value="bytes">0</span> <small>bytes</small></p>
          <div class="bar" aria-hidden="true"><i class="all"></i><i class="wasted"></i></div>
          <dl>
            <div><dt>per update</dt><dd data-value="each">–</dd></div>
            <div><dt>requests</dt><dd data-value="requests">0</dd></div>
            <div><dt>for nothing</dt><dd data-value="wasted">0</dd></div>
            <div><dt>delay</dt><dd data-value="delay">–</dd></div>
          </dl>
        </div>
      </li>`;
}

/** A choice between a few values, each with what stands on it; one of them is made already. */
function choice(name: string, legend: string, values: Readonly<Record<string, string>>, chosen: string): string {
  const options = Object.entries(values).map(([value, text]) => {
    const checked = value === chosen ? ' checked' : '';
    return `<label><input type="radio" name="${name}" value="${value}"${checked}><span>${text}</span></label>`;
  });
  return /* html */ `
      <fieldset>
        <legend>${legend}</legend>
        <div class="options">${options.join('')}</div>
      </fieldset>`;
}

const html = /* html */ `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>twobyte race</title>
  <link rel="icon" href="/home/icon.svg">
  <link rel="stylesheet" href="/race/style.css">
  <script src="/race/script.js" type="module"></script>
</head>
<body>
  <header>
    <p class="home"><a href="/home/"><img src="/home/icon.svg" alt="" width="24" height="24"> twobyte</a></p>
    <h1>The same news, four ways</h1>
    <p id="verdict">One ticker, one server, one page: what does each way of getting there cost?</p>
  </header>
  <main>
    <form id="controls" aria-label="Settings">${
      choice('interval', 'An update every', { 100: '0.1 s', 300: '0.3 s', 1000: '1 s', 3000: '3 s' }, '1000')}${
      choice('poll', 'Polling asks every', { 100: '0.1 s', 500: '0.5 s', 1000: '1 s', 3000: '3 s' }, '500')}${
      choice('size', 'Size of an update', { 50: '50 B', 1000: '1 kB', 10000: '10 kB' }, '50')}
      <div class="run">
        <button id="toggle" type="button">Stop</button>
        <p id="state" role="status">This page needs its script</p>
      </div>
    </form>
    <ol class="lanes">${
      lane('polling', 'Polling', 'Is there news? Again and again.')}${
      lane('long-polling', 'Long polling', 'Asks, and the server answers when there is news.')}${
      lane('streaming', 'Streaming', 'One answer that never ends: Server-Sent Events.')}${
      lane('websocket', 'WebSocket', 'One connection, two to four bytes around each update.')}
    </ol>
    <ul class="legend" aria-hidden="true">
      <li><i class="update"></i>an update</li>
      <li><i class="waits"></i>waits to be fetched</li>
      <li><i class="asks"></i>a request</li>
      <li><i class="nothing"></i>one for nothing</li>
      <li><i class="open"></i>the line is open</li>
      <li><i class="thin"></i><i class="thick"></i>more bytes, thicker</li>
    </ul>
  </main>
  <footer>
    <p>Bytes are the server's count at its sockets, in both directions: the heads of requests and replies as this
      browser sends and gets them, bodies, handshakes and frames; not TCP and IP, nor this page and the
      connection that brings the counts. Nothing is compressed. The delay is the median of the last 50 updates,
      from the server's ticker to the script of this page. News come irregularly; the interval is their mean.
      Any change starts anew.</p>
  </footer>
</body>
</html>
`;

const style = /* css */ `:root {
  color-scheme: light dark;
  --ground: #f6f7f9;
  --surface: #ffffff;
  --line: #dfe4ec;
  --field-line: #7d899c;
  --text: #1a2230;
  --muted: #566175;
  --accent: #2856c8;
  --on-accent: #ffffff;
  --nothing: #97a1b2;
  --polling: #c23d14;
  --long-polling: #8f6200;
  --streaming: #0d766c;
  --websocket: #2856c8;
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
    --nothing: #667389;
    --polling: #ff8f66;
    --long-polling: #e0b04c;
    --streaming: #4fcdbd;
    --websocket: #8db0ff;
  }
}

* { box-sizing: border-box; margin: 0; }

body {
  max-width: 76rem;
  margin: 0 auto;
  padding: clamp(1rem, 3vw, 2.5rem) clamp(1rem, 3vw, 2rem) 2.5rem;
  background: var(--ground);
  color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif;
  font-variant-numeric: tabular-nums;
}

a { color: inherit; text-decoration: none; }
a:hover { color: var(--accent); }
.home a { display: inline-flex; align-items: center; gap: 0.5rem; font-weight: 600; }
h1 {
  margin-top: 1rem;
  font-size: clamp(2rem, 5.5vw, 3.5rem);
  font-weight: 750;
  line-height: 1.05;
  letter-spacing: -0.03em;
  text-wrap: balance;
}
#verdict {
  min-height: 1.5em;
  margin-top: 0.75rem;
  color: var(--muted);
  font-size: clamp(1.0625rem, 2vw, 1.25rem);
  text-wrap: pretty;
}
#verdict b { color: var(--text); font-weight: 650; }

form { display: flex; flex-wrap: wrap; align-items: end; gap: 0.75rem 2rem; margin-top: 1.75rem; }
fieldset { min-width: 0; padding: 0; border: 0; }
legend { padding: 0 0 0.25rem; color: var(--muted); font-size: 0.875rem; }
.options { display: flex; border: 1px solid var(--field-line); border-radius: 0.625rem; background: var(--surface); }
.options label { position: relative; flex: 1 1 auto; }
.options label + label { border-left: 1px solid var(--line); }
.options input { position: absolute; inset: 0; opacity: 0; cursor: pointer; }
.options span {
  display: grid;
  place-items: center;
  min-width: 3.75rem;
  min-height: 2.75rem;
  padding: 0 0.75rem;
  border-radius: 0.5rem;
  font-size: 0.9375rem;
  white-space: nowrap;
}
.options input:checked + span { background: var(--accent); color: var(--on-accent); font-weight: 600; }
.options input:focus-visible + span, button:focus-visible, a:focus-visible {
  outline: 3px solid var(--accent);
  outline-offset: 2px;
}
button {
  min-width: 6rem;
  min-height: 2.875rem;
  padding: 0 1.125rem;
  border: 1px solid var(--field-line);
  border-radius: 0.625rem;
  background: var(--surface);
  color: inherit;
  font: inherit;
  font-weight: 600;
  cursor: pointer;
}
button:hover { border-color: var(--accent); color: var(--accent); }

.run { display: flex; align-items: center; gap: 1rem; }
#state { padding-left: 1rem; text-indent: -1rem; color: var(--muted); font-size: 0.9375rem; }

.lanes { display: grid; gap: 0.75rem; margin-top: 1.5rem; padding: 0; list-style: none; }
.lane {
  display: grid;
  grid-template-columns: 11.5rem minmax(0, 1fr) 19rem;
  align-items: center;
  column-gap: 1.5rem;
  padding: 1rem 1.5rem;
  border: 1px solid var(--line);
  border-radius: 1rem;
  background: var(--surface);
}
#polling { --lane: var(--polling); }
#long-polling { --lane: var(--long-polling); }
#streaming { --lane: var(--streaming); }
#websocket { --lane: var(--websocket); }
h2 { color: var(--lane); font-size: 1.25rem; font-weight: 700; line-height: 1.2; letter-spacing: -0.01em; }
.name p { margin-top: 0.25rem; color: var(--muted); font-size: 0.875rem; line-height: 1.4; }

.track { position: relative; height: 6.5rem; padding-left: 3.25rem; }
.track canvas { display: block; width: 100%; height: 100%; }
.side { position: absolute; left: 0; color: var(--muted); font-size: 0.75rem; line-height: 1; }
.side.server { top: 0.5rem; }
.side.client { bottom: 0.5rem; }

.total { color: var(--lane); font-size: 2rem; font-weight: 700; line-height: 1.1; letter-spacing: -0.02em; }
.total small { color: var(--muted); font-size: 0.875rem; font-weight: 400; letter-spacing: 0; }
.bar { position: relative; height: 0.5rem; margin: 0.5rem 0 0.625rem; border-radius: 0.25rem; background: var(--line); }
.bar i { position: absolute; inset: 0 auto 0 0; width: 0; min-width: 2px; border-radius: 0.25rem; }
.bar .all { background: var(--lane); }
.bar .wasted { min-width: 0; background: var(--nothing); border-radius: 0.25rem 0 0 0.25rem; }
dl { display: grid; grid-template-columns: 1.3fr 0.85fr 1fr 0.9fr; gap: 0.5rem; }
dt { color: var(--muted); font-size: 0.75rem; line-height: 1.3; white-space: nowrap; }
dd { font-weight: 600; line-height: 1.3; white-space: nowrap; }

.legend {
  display: flex;
  flex-wrap: wrap;
  gap: 0.25rem 1.75rem;
  margin-top: 1rem;
  padding: 0;
  list-style: none;
  color: var(--muted);
  font-size: 0.875rem;
}
.legend li { display: flex; align-items: center; gap: 0.5rem; }
.legend i { display: block; background: var(--polling); }
.update { width: 0.5rem; height: 0.5rem; border-radius: 50%; }
.waits { width: 1.5rem; height: 0.25rem; opacity: 0.5; }
.legend .asks { width: 0.25rem; height: 1rem; opacity: 0.5; }
.legend .nothing { width: 0.25rem; height: 1rem; background: var(--nothing); }
.legend .open { width: 1.5rem; height: 1rem; opacity: 0.15; }
.legend .thin { width: 1px; height: 1rem; background: var(--muted); }
.legend .thick { width: 5px; height: 1rem; margin-left: -0.25rem; background: var(--muted); }

footer { max-width: 58rem; margin-top: 1.5rem; color: var(--muted); font-size: 0.875rem; }
#state::before {
  content: "";
  display: inline-block;
  width: 0.5rem;
  height: 0.5rem;
  margin-right: 0.5rem;
  border-radius: 50%;
  background: var(--muted);
}
#state[data-state="running"]::before { background: var(--streaming); }
#state[data-state="away"]::before { background: var(--polling); }

@media (max-width: 62rem) {
  .lane { grid-template-columns: minmax(0, 1fr) auto; row-gap: 0.75rem; padding: 1rem; }
  .track { grid-column: 1 / -1; grid-row: 2; height: 4.5rem; padding-left: 2.75rem; }
  .cost { display: contents; }
  .total { grid-column: 2; grid-row: 1; align-self: start; font-size: 1.625rem; text-align: right; }
  .bar { grid-column: 1 / -1; margin: 0; }
  dl { grid-column: 1 / -1; }
}

@media (max-width: 40rem) {
  #verdict { min-height: 3em; margin-top: 0.5rem; }
  form { gap: 0.5rem; margin-top: 1.25rem; }
  fieldset { position: relative; flex: 1 1 100%; }
  /* WebKit lays out a legend in its own way, unless it is out of the flow. */
  legend { position: absolute; inset: 0 15.5rem 0 0; display: grid; align-items: center; padding: 0; }
  .options { width: 15rem; margin-left: auto; }
  .options label { flex: 1 1 0; }
  .options span { min-width: 0; padding: 0; font-size: 0.875rem; }
  .name p { display: none; }
  h2 { font-size: 1.125rem; line-height: 1.625rem; }
  .total { font-size: 1.25rem; line-height: 1.625rem; }
  .lane { column-gap: 0.5rem; }
  dl { grid-template-columns: 1.2fr 0.9fr 1fr 0.9fr; gap: 0.25rem; }
  dd { font-size: 0.9375rem; }
  .lanes { margin-top: 1.25rem; }
  .legend { gap: 0.25rem 1rem; font-size: 0.8125rem; }
}
`;

/** The replies to plain HTTP by path: the page, and the files that it consists of. */
export const pageFiles: Readonly<Record<string, ReplyParts>> = {
  '/race/': pageFile('text/html', html),
  '/race/style.css': pageFile('text/css', style),
  '/race/script.js': pageFile('text/javascript', script),
};
