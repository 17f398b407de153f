// Where a server is to listen, as its caller says it and as Node takes it.
import { once } from 'node:events';
import { createServer, type AddressInfo, type ListenOptions as NetListenOptions, type Server } from 'node:net';
import { inspect } from 'node:util';
import { wholeNumber } from '../connection/limits.js';
import { checkNames, type OptionNames } from '../connection/options.js';

/** Where a server listens, by one of `port`, `path` and `fd`; the names are those of Node's `net.Server`. */
export interface ListenOptions {
  /** A TCP port, as number or digits; 0 for any that is free. */
  port?: number | string;
  /** The address to listen on, with `port`; all of the machine's if absent. */
  host?: string;
  /** A Unix socket, or a named pipe of Windows. */
  path?: string;
  /** A file descriptor that listens already, such as that of systemd's socket activation. */
  fd?: number;
  /** Connections that the system holds until they are accepted. Default 511; the system may have a lower limit. */
  backlog?: number;
  /** Lets several processes listen on the port, among which the system spreads connections. Default `false`. */
  reusePort?: boolean;
  /** Leaves IPv4 out where `host` is `::`. Default `false`. */
  ipv6Only?: boolean;
  /** Doesn't share the port with the other workers of `node:cluster`. Default `false`. */
  exclusive?: boolean;
  /** Its abort ends the listening, as does `close`; connections stay. */
  signal?: AbortSignal;
}

const listenOptions: OptionNames<ListenOptions> = {
  port: true, host: true, path: true, fd: true, backlog: true, reusePort: true, ipv6Only: true, exclusive: true,
  signal: true,
};

/** A server listens in one of these. */
const places = ['port', 'path', 'fd'] as const;

/**
 * @param place a port as number or digits, the path of a Unix socket, or options.
 * @returns what Node takes, with the signal left out.
 * @throws TypeError, RangeError for what is none of these.
 */
export function resolveListenOptions(place: number | string | ListenOptions, host?: string): NetListenOptions {
  const options: ListenOptions = typeof place === 'object' ? place : { ...toPlace(place), ...(host && { host }) };
  checkNames('server.listen', options, listenOptions);
  const given = places.filter((name) => options[name] !== undefined);
  if (given.length !== 1) {
    throw new TypeError(`listen needs one of port, path and fd, not ${given.join(' and ') || 'none'}`);
  }
  const { signal, port, ...rest } = options;
  checkTypes(options);
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new TypeError('signal must be an AbortSignal');
  if (rest.fd !== undefined) wholeNumber('fd', rest.fd, 0, MAX_INT);
  if (rest.backlog !== undefined) wholeNumber('backlog', rest.backlog, 1, MAX_INT);
  return port === undefined ? rest : { ...rest, port: toPort(port) };
}

const MAX_INT = 2 ** 31 - 1;

/** A name alone is more likely a port that was misspelt. */
function toPlace(place: number | string): Pick<ListenOptions, 'port' | 'path'> {
  return typeof place === 'string' && /[/\\\0]/.test(place) ? { path: place } : { port: place };
}

function checkTypes(options: ListenOptions): void {
  for (const name of ['host', 'path'] as const) {
    const value: unknown = options[name];
    if (value === undefined || (typeof value === 'string' && value !== '')) continue;
    throw new TypeError(`${name} must be a text that isn't empty, not ${inspect(value)}`);
  }
  for (const name of ['reusePort', 'ipv6Only', 'exclusive'] as const) {
    const value: unknown = options[name];
    if (value !== undefined && typeof value !== 'boolean') {
      throw new TypeError(`${name} must be true or false, not ${inspect(value)}`);
    }
  }
  if (options.host !== undefined && options.port === undefined) {
    throw new TypeError('host needs a port; leave it out');
  }
}

/** Digits come from the environment: PORT=8000. */
function toPort(port: number | string): number {
  if (typeof port === 'number' || /^\d+$/.test(port)) return wholeNumber('port', Number(port), 0, 65_535);
  throw new TypeError(`port must be a number or digits, not ${inspect(port)}; a Unix socket is { path }`);
}

/** Whether several servers can listen on one port: some runtimes ignore the option, and some systems refuse it. */
export async function canReusePort(): Promise<boolean> {
  const [first, second] = [createServer(), createServer()];
  const listen = (server: Server, port: number): Promise<unknown> => {
    return once(server.listen({ port, host: '127.0.0.1', reusePort: true } as NetListenOptions), 'listening');
  };
  const both = listen(first, 0).then(() => listen(second, (first.address() as AddressInfo).port));
  const [{ status }] = await Promise.allSettled([both]);
  for (const server of [first, second]) server.close();
  return status === 'fulfilled';
}
