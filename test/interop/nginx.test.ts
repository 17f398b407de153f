// Through nginx as the reverse proxy.
import { suite } from '../runner/suite.js';
import { addProxyExchanges } from './proxy-exchanges.js';
import type { ProxyProgram } from './reverse-proxy.js';

const program: ProxyProgram = {
  path: '/usr/sbin/nginx',
  package: 'nginx',
  args: (folder, configurationPath) => ['-p', folder, '-c', configurationPath, '-e', 'stderr'],
  configuration: ({ folder, plainPort, tlsPort, serverPort, readTimeout }) => `
    daemon off;
    master_process off;
    pid ${folder}/nginx.pid;
    error_log stderr warn;
    events { worker_connections 64; }
    http {
      access_log off;
      client_body_temp_path ${folder}/client_body;
      proxy_temp_path ${folder}/proxy;
      fastcgi_temp_path ${folder}/fastcgi;
      uwsgi_temp_path ${folder}/uwsgi;
      scgi_temp_path ${folder}/scgi;
      server {
        listen 127.0.0.1:${plainPort};
        listen 127.0.0.1:${tlsPort} ssl;
        ssl_certificate ${folder}/certificate.pem;
        ssl_certificate_key ${folder}/certificate.pem;
        location / {
          proxy_pass http://127.0.0.1:${serverPort};
          proxy_http_version 1.1;
          proxy_set_header Host $http_host;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection upgrade;
          proxy_read_timeout ${readTimeout}s;
        }
      }
    }
  `,
};

const nginx = suite('nginx');

addProxyExchanges(nginx, program);

nginx.run();
