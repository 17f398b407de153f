// Where `twobyte connect` connects to, and how: its options for the time until the connection is open.
import { readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import {
  HandshakeError, WebSocketError, type Connection, type ConnectOptions, type ReconnectOptions,
} from '../index.js';
import { connectThrough } from '../client/connect.js';
import { reconnectBy } from '../client/reconnect.js';
import { CommandError, parseMessageLimit, parseSeconds } from './arguments.js';
import { firstLine } from './printable.js';

/** The lines of help for them. */
export const targetHelp = `  --subprotocol NAME       offers a subprotocol; repeat it for more, the preferred first
  --header 'NAME: VALUE'   adds a header field to the request; repeat it for more
  --origin ORIGIN          the value of Origin, which some servers ask for
  --proxy URL              goes through an http: proxy, as http://user:password@host:port
  --socket PATH            connects to a Unix socket; the URL still names host and path
  --ca FILE                trusts the certificates of this file only, for wss:
  --cert FILE, --key FILE  the certificate to show to the server, and its private key
  --insecure               accepts any certificate: for tests only
  --timeout SECONDS        how long connecting may take (10)
  --max-message-bytes N    the longest message to accept, in bytes (1048576)`;

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

export interface Target {
  readonly url: string;
  readonly options: ConnectOptions;
}

/** @throws CommandError for a mistake of the user's. */
export function parseTarget([url, ...others]: string[], values: TargetValues): Target {
  if (url === undefined) throw new CommandError('a URL is missing, such as ws://127.0.0.1:8000/echo/');
  if (others.length > 0) throw new CommandError(`there is one URL too many: "${others[0]}"`);
  if (!URL.canParse(url)) throw new CommandError(`"${url}" is no URL; write it as ws://127.0.0.1:8000/echo/`);
  const options = {
    subprotocols: values.subprotocol,
    headers: parseHeaders(values.header),
    ...(values.origin !== undefined && { origin: values.origin }),
    ...(values.proxy !== undefined && { proxy: values.proxy }),
    ...(values.socket !== undefined && { socketPath: values.socket }),
    tls: tlsOptions(values),
    timeout: parseSeconds('--timeout', values.timeout),
    maxMessageBytes: parseMessageLimit(values['max-message-bytes']),
  };
  return { url, options };
}

/** Is given each stream to the server before anything is written to it. */
export type Look = (stream: Duplex) => void;

/** @throws CommandError for a server that can't be reached or refuses. */
export async function open({ url, options }: Target, look: Look = () => {}): Promise<Connection> {
  try {
    return await connectThrough(look, url, options);
  } catch (error) {
    throw new CommandError(explain(error, options.socketPath ?? new URL(url).host));
  }
}

/**
 * One connection after another, as `reconnect` makes them.
 * @throws CommandError for what no other attempt can mend.
 */
export async function* openAgain(
  { url, options }: Target,
  look: Look,
  more: Pick<ReconnectOptions, 'onRetry' | 'signal'>,
): AsyncGenerator<Connection, void, undefined> {
  try {
    return yield* reconnectBy((...target) => connectThrough(look, ...target), url, { ...options, ...more });
  } catch (error) {
    if (more.signal?.aborted) return;
    throw new CommandError(explain(error, options.socketPath ?? new URL(url).host));
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
