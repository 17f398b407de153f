// Where `twobyte connect` connects to, and how: its options for the time until the connection is open.
import { readFileSync } from 'node:fs';
import { connect, HandshakeError, WebSocketError, type Connection, type ConnectOptions } from '../index.js';
import { CommandError, parseMessageLimit, parseSeconds } from './arguments.js';
import { firstLine } from './printable.js';

/** As `parseArgs` takes them. */
export const targetOptions = {
  subprotocol: { type: 'string', multiple: true, default: [] as string[] },
  header: { type: 'string', multiple: true, default: [] as string[] },
  origin: { type: 'string' },
  proxy: { type: 'string' },
  socket: { type: 'string' },
  ca: { type: 'string' },
  cert: { type: 'string' },
  key: { type: 'string' },
  insecure: { type: 'boolean', default: false },
  timeout: { type: 'string', default: '10' },
  'max-message-bytes': { type: 'string', default: '1048576' },
} as const;

/** What the user gave for them. */
export interface TargetValues {
  readonly subprotocol: readonly string[];
  readonly header: readonly string[];
  readonly origin?: string | undefined;
  readonly proxy?: string | undefined;
  readonly socket?: string | undefined;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly insecure: boolean;
  readonly timeout: string;
  readonly 'max-message-bytes': string;
}

/** @throws CommandError for a mistake of the user's, and for a server that can't be reached or refuses. */
export async function open([url, ...others]: string[], values: TargetValues): Promise<Connection> {
  if (url === undefined) throw new CommandError('a URL is missing, such as ws://127.0.0.1:8000/echo/');
  if (others.length > 0) throw new CommandError(`there is one URL too many: "${others[0]}"`);
  if (!URL.canParse(url)) throw new CommandError(`"${url}" is no URL; write it as ws://127.0.0.1:8000/echo/`);
  const options: ConnectOptions = {
    subprotocols: values.subprotocol,
    headers: parseHeaders(values.header),
    ...(values.origin !== undefined && { origin: values.origin }),
    ...(values.proxy !== undefined && { proxy: values.proxy }),
    ...(values.socket !== undefined && { socketPath: values.socket }),
    tls: tlsOptions(values),
    timeout: parseSeconds('--timeout', values.timeout),
    maxMessageBytes: parseMessageLimit(values['max-message-bytes']),
  };
  try {
    return await connect(url, options);
  } catch (error) {
    throw new CommandError(explain(error, values.socket ?? new URL(url).host));
  }
}

function parseHeaders(fields: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = Object.create(null);
  for (const field of fields) {
    const colon = field.indexOf(':');
    if (colon === -1) throw new CommandError(`a header is written 'Name: value', not "${field}"`);
    const name = field.slice(0, colon);
    const value = field.slice(colon + 1).trim();
    // RFC 9110 §5.3: lines of one name mean the same as their values joined
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  return headers;
}

function tlsOptions({ ca, cert, key, insecure }: TargetValues): NonNullable<ConnectOptions['tls']> {
  return {
    ...(ca !== undefined && { ca: readOption('--ca', ca) }),
    ...(cert !== undefined && { cert: readOption('--cert', cert) }),
    ...(key !== undefined && { key: readOption('--key', key) }),
    ...(insecure && { rejectUnauthorized: false }),
  };
}

function readOption(name: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CommandError(`the file of ${name} cannot be read: ${path} (${(error as NodeJS.ErrnoException).code})`);
  }
}

function explain(error: unknown, target: string): string {
  if (error instanceof HandshakeError && error.code === 'UNEXPECTED_STATUS') {
    const { location } = error.headers;
    const redirect = location === undefined ? '' : ` to ${firstLine(location)}`;
    const body = firstLine(error.body);
    return `the server answered with status ${error.status}${redirect}${body && `: ${body}`}`;
  }
  // The messages of our own checks are meant for the user.
  if ([WebSocketError, TypeError, RangeError].some((type) => error instanceof type)) return (error as Error).message;
  const { code } = error as NodeJS.ErrnoException;
  return `cannot connect to ${target} (${code}); check the URL, and that the server runs`;
}
