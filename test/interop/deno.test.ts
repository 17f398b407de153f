// Deno, as the client of our server and, with `Deno.serve`, as the server of our client.
import { suite } from '../runner/suite.js';
import { addClientExchanges, inProcess } from './client-exchanges.js';
import { packagePath, sourcePath } from './packages.js';
import type { Command } from './peer-process.js';
import { addServerExchanges } from './server-exchanges.js';

/** Nothing but the loopback interface, and no packages. */
function runtime(): Command {
  const flags = ['--no-config', '--no-lock', '--no-remote', '--no-npm', '--no-prompt', '--allow-net=127.0.0.1'];
  return [packagePath('@deno/linux-x64-glibc/deno'), 'run', ...flags];
}

/** Deno takes 1014, which came to IANA's registry after RFC 6455, for a protocol error (1002). */
const refusedCodes = [1014];

const deno = suite('deno');

addClientExchanges(deno, {
  perform: inProcess(runtime, 'global'),
  canPing: false,
  canFragment: false,
  canDeflate: false,
  compresses: [],
  refusedCodes,
});
addServerExchanges(deno, {
  command: () => [...runtime(), sourcePath('deno-server.mjs')],
  pings: 'when idle',
  canFragment: false,
  compresses: [],
  refusedCodes,
});

deno.run();
