// The reverse proxies, each run with the configuration that docs/how-to/proxies.md gives, on ports of the test.
import { readFileSync } from 'node:fs';
import type { ProxyProgram, ProxySetting } from './reverse-proxy.js';

const page = readFileSync(new URL('../../../docs/how-to/proxies.md', import.meta.url), 'utf8');

/** What the page has under the name of a proxy, with the ports, times and files of a test in the place of its own. */
function snippetOf(name: string, setting: ProxySetting, listening: readonly [string, string], number = 0): string {
  const section = page.split(/\n(?=##)/).find((text) => text.startsWith(`### ${name}\n`)) ?? '';
  const text = [...section.matchAll(/```\w+\n([^]*?)```/g)][number]?.[1];
  if (text === undefined) throw new Error(`docs/how-to/proxies.md has no configuration of ${name}`);
  // That it listens on the loopback interface only is told first: it may need a port of the page.
  if (!text.includes(listening[0])) throw new Error(`the configuration of ${name} has no ${listening[0]}`);
  return text
    .replaceAll(listening[0], listening[1])
    .replaceAll('8000', String(setting.serverPort))
    .replaceAll(/\b443\b/g, String(setting.tlsPort))
    .replaceAll(/\b80\b/g, String(setting.plainPort))
    .replaceAll('/etc/ssl/example.pem', `${setting.folder}/certificate.pem`)
    .replaceAll(/\b60(?=000\b|s?\b)/g, String(setting.readTimeout));
}

/** @param processes how it divides its work @param server with what belongs before it */
function configureNginx(setting: ProxySetting, processes: string, server: string): string {
  return `
    daemon off;
    ${processes}
    pid ${setting.folder}/nginx.pid;
    error_log stderr warn;
    events { worker_connections 1024; }
    http {
      access_log off;
      client_body_temp_path ${setting.folder}/client_body;
      proxy_temp_path ${setting.folder}/proxy;
      fastcgi_temp_path ${setting.folder}/fastcgi;
      uwsgi_temp_path ${setting.folder}/uwsgi;
      scgi_temp_path ${setting.folder}/scgi;
      ${server}
    }
  `;
}

function nginxServer(setting: ProxySetting): string {
  return snippetOf('nginx', setting, ['listen ', 'listen 127.0.0.1:']);
}

export const nginx: ProxyProgram = {
  path: '/usr/sbin/nginx',
  package: 'nginx',
  args: (folder, configurationPath) => ['-p', folder, '-c', configurationPath, '-e', 'stderr'],
  configuration: (setting) => configureNginx(setting, 'master_process off;', nginxServer(setting)),
};

/** In turn before several servers; as it reloads, it cuts the connections that don't end by themselves. */
export const nginxBefore = (ports: readonly number[]): ProxyProgram => ({
  ...nginx,
  isPlainOnly: true,
  signal: 'SIGTERM',
  configuration: (setting) => configureNginx(setting, 'worker_shutdown_timeout 1s;', `
      upstream servers { ${ports.map((port) => `server 127.0.0.1:${port} max_fails=0;`).join(' ')} }
      ${nginxServer(setting).replace(`127.0.0.1:${setting.serverPort}`, 'servers')}
  `),
});

export const haproxy: ProxyProgram = {
  path: '/usr/sbin/haproxy',
  package: 'haproxy',
  // In the foreground, in one process.
  args: (_, configurationPath) => ['-db', '-f', configurationPath],
  configuration: (setting) => `global\n  maxconn 64\n\n${snippetOf('haproxy', setting, ['bind :', 'bind 127.0.0.1:'])}`,
};

/** Passes TCP on, with the PROXY protocol. */
export const haproxyTcp: ProxyProgram = {
  ...haproxy,
  isPlainOnly: true,
  configuration: (setting) => `
defaults
  timeout connect 10s
  timeout client 10s
  timeout server 10s
${snippetOf('haproxy, of TCP', setting, ['bind :443', 'bind 127.0.0.1:80'])}`,
};

const APACHE_MODULES = '/usr/lib/apache2/modules/mod_';

export const apache: ProxyProgram = {
  path: '/usr/sbin/apache2',
  package: 'apache2',
  isPlainOnly: true,
  // In one process: others would outlive it.
  args: (_, configurationPath) => ['-X', '-f', configurationPath],
  configuration: (setting) => `
ServerRoot ${setting.folder}
DefaultRuntimeDir ${setting.folder}
PidFile ${setting.folder}/pid
ServerName localhost
User www-data
Listen 127.0.0.1:${setting.plainPort}
ErrorLog /dev/null
${['mpm_event', 'authz_core', 'headers', 'proxy', 'proxy_http'].map((name) => {
    return `LoadModule ${name}_module ${APACHE_MODULES}${name}.so`;
  }).join('\n')}
${snippetOf('Apache httpd', setting, ['*:', '127.0.0.1:'])}`,
};

export const caddy: ProxyProgram = {
  path: '/usr/bin/caddy',
  package: 'caddy',
  isPlainOnly: true,
  hasNoIdleCut: true,
  args: (_, configurationPath) => ['run', '--config', configurationPath, '--adapter', 'caddyfile'],
  configuration: (setting) => `{
  admin off
  auto_https off
}
${snippetOf('Caddy', setting, ['example.com ', `http://:${setting.plainPort} `])}`,
};

export const lighttpd: ProxyProgram = {
  path: '/usr/sbin/lighttpd',
  package: 'lighttpd',
  isPlainOnly: true,
  args: (_, configurationPath) => ['-D', '-f', configurationPath],
  configuration: (setting) => `
server.document-root = "${setting.folder}"
${snippetOf('lighttpd', setting, ['server.port', 'server.bind = "127.0.0.1"\nserver.port'])}`,
};

export const varnish: ProxyProgram = {
  path: '/usr/sbin/varnishd',
  package: 'varnish',
  isPlainOnly: true,
  args: (folder, configurationPath, { plainPort, readTimeout }) => [
    '-F', '-n', `${folder}/work`, '-a', `127.0.0.1:${plainPort}`, '-f', configurationPath,
    '-p', `pipe_timeout=${readTimeout}`, '-s', 'default,1m',
  ],
  configuration: (setting) => snippetOf('Varnish', setting, ['8000', '8000']),
};

export const squid: ProxyProgram = {
  path: '/usr/sbin/squid',
  package: 'squid',
  isPlainOnly: true,
  // In the foreground; memory that it shares by that name is removed only if it ends by itself.
  args: (_, configurationPath, { plainPort }) => ['-N', '-n', `twobyte${plainPort}`, '-f', configurationPath],
  signal: 'SIGTERM',
  configuration: (setting) => `
${snippetOf('squid', setting, ['http_port ', 'http_port 127.0.0.1:'])}
cache_effective_user proxy
shutdown_lifetime 0 seconds
pid_filename none
access_log none
cache_log ${setting.folder}/log
coredump_dir ${setting.folder}
netdb_filename none
pinger_enable off
memory_cache_shared off
`,
};

export const nghttpx: ProxyProgram = {
  path: '/usr/sbin/nghttpx',
  package: 'nghttp2-proxy',
  isPlainOnly: true,
  proxyHeaders: ['x-forwarded-for', 'x-forwarded-proto'],
  args: (_, configurationPath) => [`--conf=${configurationPath}`, '--workers=1', '--single-process'],
  configuration: (setting) => snippetOf('nghttpx', setting, ['frontend=*', 'frontend=127.0.0.1']),
};

const TRAFFIC_SERVER = 'Apache Traffic Server';
const FOLDERS = ['sysconf', 'data', 'localstate', 'runtime', 'log', 'cache'];

export const trafficServer: ProxyProgram = {
  path: '/usr/bin/traffic_server',
  package: 'trafficserver',
  isPlainOnly: true,
  proxyHeaders: ['forwarded'],
  args: (folder) => [`--run-root=${folder}/runroot.yaml`],
  files: (setting) => ({
    'runroot.yaml': `
prefix: ${setting.folder}
exec_prefix: /usr
bindir: /usr/bin
sbindir: /usr/bin
includedir: /usr/include
libdir: /usr/lib
libexecdir: /usr/lib/trafficserver/modules
${FOLDERS.map((name) => `${name}dir: ${setting.folder}`).join('\n')}
`,
    'records.config': `
${snippetOf(TRAFFIC_SERVER, setting, ['STRING 80', 'STRING 80:ip-in=127.0.0.1'])}
CONFIG proxy.config.admin.user_id STRING #-1
CONFIG proxy.config.exec_thread.autoconfig INT 0
CONFIG proxy.config.exec_thread.limit INT 1
`,
    'remap.config': snippetOf(TRAFFIC_SERVER, setting, ['8000', '8000'], 1),
    'ip_allow.yaml': 'ip_allow:\n  - apply: in\n    ip_addrs: 0/0\n    action: allow\n    methods: ALL\n',
    'storage.config': '',
    'plugin.config': '',
  }),
  configuration: () => '',
};

export const h2o: ProxyProgram = {
  path: '/usr/bin/h2o',
  package: 'h2o',
  isPlainOnly: true,
  proxyHeaders: ['x-forwarded-for', 'x-forwarded-proto'],
  args: (_, configurationPath) => ['-c', configurationPath],
  configuration: (setting) => `
num-threads: 1
${snippetOf('h2o', setting, ['port: 80', 'host: 127.0.0.1\n      port: 80'])}`,
};

/** Proxies that speak HTTP/2 with clients. @param backend which version they speak with the server */
export const http2Programs: Readonly<Record<string, (backend: 'h1' | 'h2') => ProxyProgram>> = {
  haproxy: (backend) => ({
    ...haproxy,
    configuration: (setting) => {
      const configuration = snippetOf('haproxy, with HTTP/2', setting, ['bind :', 'bind 127.0.0.1:'])
        // Which version the client has spoken, as nghttpx tells by itself.
        .replace('  option forwardfor\n', '$&  http-request set-header Via "%[fc_http_major] haproxy"\n');
      const shown = backend === 'h2' ? configuration : configuration.replace(' proto h2 ws h2', '');
      return `global\n  maxconn 64\n\n${shown}`;
    },
  }),
  nghttpx: (backend) => ({
    ...nghttpx,
    isPlainOnly: false,
    configuration: ({ folder, plainPort, tlsPort, serverPort }) => `
frontend=127.0.0.1,${plainPort};no-tls
frontend=127.0.0.1,${tlsPort}
backend=127.0.0.1,${serverPort};;proto=${backend === 'h2' ? 'h2' : 'http/1.1'}
private-key-file=${folder}/certificate.pem
certificate-file=${folder}/certificate.pem
workers=1
no-ocsp=yes
errorlog-file=/dev/stderr
`,
  }),
};
