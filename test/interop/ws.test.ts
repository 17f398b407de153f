// The package ws, as the client of our server and as the server of our client.
import { suite } from '../runner/suite.js';
import { addClientExchanges, inProcess } from './client-exchanges.js';
import { packagePath, sourcePath } from './packages.js';
import type { Command } from './peer-process.js';
import { everySetting } from './recorder.js';
import { addServerExchanges } from './server-exchanges.js';

function runtime(): Command {
  packagePath('ws');
  return [process.execPath];
}

const ws = suite('ws');

addClientExchanges(ws, {
  perform: inProcess(runtime, 'ws'),
  canPing: true,
  canFragment: true,
  canDeflate: true,
  compresses: everySetting,
  refusedCodes: [],
});
addServerExchanges(ws, {
  command: () => [...runtime(), sourcePath('ws-server.mjs')],
  pings: 'at once',
  canFragment: true,
  compresses: everySetting,
  refusedCodes: [],
});

ws.run();
