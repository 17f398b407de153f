// Through every other reverse proxy of Debian's, without TLS.
import { suite } from '../runner/suite.js';
import { performExchanges } from './proxy-exchanges.js';
import { apache, caddy, h2o, lighttpd, nghttpx, squid, trafficServer, varnish } from './proxy-programs.js';
import { addTraits } from './proxy-traits.js';

const proxies = suite('proxies', { timeout: 30_000 });

const programs = {
  'Apache httpd': apache, Caddy: caddy, lighttpd, Varnish: varnish, squid, nghttpx, h2o,
  'Apache Traffic Server': trafficServer,
};

for (const [name, program] of Object.entries(programs)) {
  proxies(`${name}: the exchanges`, () => performExchanges(program));
  addTraits(proxies, name, program);
}

proxies.run();
