// What does an opening handshake cost the server? Connections that are opened and cut again, over TCP and over TLS.
import { certificate, privateKey } from '../../test/support/certificate.js';
import { duel, type Outcome } from '../harness/duel.js';
import { parseBenchOptions } from '../harness/options.js';
import { printOutcomes, saveOutcomes } from '../report/results.js';

const AT_A_TIME = 32;

const options = parseBenchOptions({ milliseconds: 1000, runtimes: 'any' });
const peers = options.peers.filter(({ style }) => style === undefined || style === 'for await');
const results: { name: string; outcomes: Outcome[] }[] = [];
for (const isSecure of [false, true]) {
  const name = isSecure ? 'TLS' : 'TCP';
  if (options.case !== null && !options.case.test(name)) continue;
  const outcomes = await duel(isSecure ? peers.filter(({ isBare }) => !isBare) : peers, {
    ...options,
    ...(isSecure && { server: { tls: { key: privateKey, cert: certificate } } }),
    load: (port, { isBare }) => ({ kind: 'connect', port, isBare, isSecure, atATime: AT_A_TIME }),
  });
  results.push({ name, outcomes });
  printOutcomes(name, outcomes, 'handshake');
}
saveOutcomes('connect', results, options.runtimes);
