// Through nginx as the reverse proxy.
import { suite } from '../runner/suite.js';
import { addProxyExchanges } from './proxy-exchanges.js';
import { nginx as program } from './proxy-programs.js';
import { addTraits } from './proxy-traits.js';

const nginx = suite('nginx');

addProxyExchanges(nginx, program);
addTraits(nginx, 'nginx', program);

nginx.run();
