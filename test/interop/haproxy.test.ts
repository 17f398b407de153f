// Through HAProxy as the reverse proxy.
import { suite } from '../runner/suite.js';
import { addProxyExchanges } from './proxy-exchanges.js';
import type { ProxyProgram } from './reverse-proxy.js';

const program: ProxyProgram = {
  path: '/usr/sbin/haproxy',
  package: 'haproxy',
  // In the foreground, in one process.
  args: (_, configurationPath) => ['-db', '-f', configurationPath],
  configuration: ({ folder, plainPort, tlsPort, serverPort, readTimeout }) => `
global
  maxconn 64

defaults
  mode http
  timeout connect 10s
  timeout client ${readTimeout}s
  timeout server ${readTimeout}s
  # Instead of both once the connection is a WebSocket.
  timeout tunnel ${readTimeout}s

frontend public
  bind 127.0.0.1:${plainPort}
  bind 127.0.0.1:${tlsPort} ssl crt ${folder}/certificate.pem
  default_backend twobyte

backend twobyte
  server twobyte 127.0.0.1:${serverPort}
`,
};

const haproxy = suite('haproxy');

addProxyExchanges(haproxy, program);

haproxy.run();
