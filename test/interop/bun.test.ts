// Bun, as the client of our server and, with `Bun.serve`, as the server of our client.
import { suite } from '../runner/suite.js';
import { addClientExchanges, inProcess } from './client-exchanges.js';
import { packagePath, sourcePath } from './packages.js';
import type { Command } from './peer-process.js';
import { everySetting, largeWindows } from './recorder.js';
import { addServerExchanges } from './server-exchanges.js';

function runtime(): Command {
  return [packagePath('@oven/bun-linux-x64/bin/bun'), '--no-install'];
}

const bun = suite('bun');

addClientExchanges(bun, {
  perform: inProcess(runtime, 'global'),
  canPing: true,
  canFragment: false,
  canDeflate: true,
  compresses: everySetting,
  refusedCodes: [],
});
addServerExchanges(bun, {
  command: () => [...runtime(), sourcePath('bun-server.mjs')],
  pings: 'at once',
  canFragment: false,
  compresses: largeWindows,
  refusedCodes: [],
});

bun.run();
