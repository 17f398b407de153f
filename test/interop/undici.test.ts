// The WebSocket of undici, which is also Node's own from 22 on, as the client of our server.
import { suite } from '../runner/suite.js';
import { addClientExchanges, inProcess } from './client-exchanges.js';
import { packagePath } from './packages.js';
import type { Command } from './peer-process.js';
import { everySetting } from './recorder.js';

function runtime(): Command {
  packagePath('undici');
  return [process.execPath];
}

const undici = suite('undici');

addClientExchanges(undici, {
  perform: inProcess(runtime, 'undici'),
  canPing: true,
  canFragment: false,
  canDeflate: false,
  compresses: everySetting,
  refusedCodes: [],
});

undici.run();
