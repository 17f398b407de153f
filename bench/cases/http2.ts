// What does an echo over HTTP/2 cost the server? WebSockets on few sessions and on many, beside a bare node:http2 echo.
import { duel, type Outcome } from '../harness/duel.js';
import { nameOf, toCase, type Case } from '../harness/echo-cases.js';
import { parseBenchOptions } from '../harness/options.js';
import { printOutcomes, saveOutcomes } from '../report/results.js';

/** By how many sessions the connections share: as behind a proxy, and as from browsers. */
const cases: readonly (readonly [sessions: number, load: Case])[] = [
  [1, toCase(100, 1, '32 B', 'binary')],
  [100, toCase(100, 1, '32 B', 'binary')],
  [1, toCase(100, 16, '32 B', 'binary')],
  [1, toCase(10, 8, '16 KiB', 'binary')],
  [10, toCase(10, 8, '16 KiB', 'binary')],
];

const options = parseBenchOptions({ isHttp2: true, runtimes: 'any' });
const results: { name: string; outcomes: Outcome[] }[] = [];
for (const [sessions, load] of cases) {
  const name = `${nameOf(load)}, ${sessions} ${sessions === 1 ? 'session' : 'sessions'}`;
  if (options.case !== null && !options.case.test(name)) continue;
  const outcomes = await duel(options.peers, {
    ...options,
    load: (port, { isBare }) => ({ kind: 'echo', port, isBare, sessions, ...load }),
  });
  results.push({ name, outcomes });
  printOutcomes(name, outcomes);
}
saveOutcomes('http2', results, options.runtimes);
