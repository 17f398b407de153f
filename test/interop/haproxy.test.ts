// Through HAProxy as the reverse proxy.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { createServer } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { addProxyExchanges } from './proxy-exchanges.js';
import { haproxy as program, haproxyTcp } from './proxy-programs.js';
import { addTraits } from './proxy-traits.js';
import { requireProgram } from './programs.js';
import { startProxy } from './reverse-proxy.js';
import { certificate, privateKey } from '../support/certificate.js';

const haproxy = suite('haproxy');

addProxyExchanges(haproxy, program);
addTraits(haproxy, 'haproxy', program);

haproxy('the PROXY protocol, before TLS that haproxy passes on', async () => {
  requireProgram(haproxyTcp.path, haproxyTcp.package);
  const server = createServer({ proxyProtocol: 'loopback', tls: { key: privateKey, cert: certificate } });
  server.route('/', ({ remoteAddress, scheme }) => `${remoteAddress} ${scheme}`);
  const { port } = await server.listen(0, '127.0.0.1') as AddressInfo;
  await using proxy = await startProxy(haproxyTcp, port);
  const url = new URL(proxy.origins.ws.replace('ws', 'https'));
  // Another address than haproxy's own.
  const request = https.get(url, { ca: certificate, agent: false, localAddress: '127.0.0.2' });
  const [response] = await once(request, 'response') as [IncomingMessage];
  assert.is(String(await once(response, 'data')), '127.0.0.2 https');
  await server.close({ timeout: 0 });
});

haproxy.run();
