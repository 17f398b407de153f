// `twobyte serve`: runs the demo server.
import { subscribe } from 'node:diagnostics_channel';
import { createServer, type DiagnosticsEvents, type OpeningRequest, type Server } from '../index.js';
import { addDashboardRoutes } from '../demo/dashboard.js';
import { addEchoRoutes } from '../demo/echo.js';
import { addRaceRoutes } from '../demo/race.js';
import { describeRefusal } from '../server/refusal.js';
import { CommandError, parse, parseMessageLimit, parseWholeNumber, type Command } from './arguments.js';
import { firstLine } from './printable.js';
import { closeOnSignal } from './signals.js';

const help = `Usage: twobyte serve [options]

Serves a page to try WebSocket with at /home/, one that lets it race against polling,
long polling and streaming at /race/, a live picture of the server at /dashboard/, an echo
over HTTP and WebSocket at /echo/, and one over WebSocket only, for a single message, at
/websocket/. It prints where the pages are, and tells of each connection and refusal on the
standard error. Ctrl-C closes gracefully.

  --host ADDRESS           the address to listen on (127.0.0.1)
  --port NUMBER            the TCP port, 0 for any that is free (the environment's PORT, else 8000)
  --origin ORIGIN          lets pages of another origin connect, such as https://example.com;
                           repeat it for more, * lets all
  --max-message-bytes N    the longest message to accept, in bytes (1048576)
  --help                   prints this`;

export const serve: Command = { help, run };

const PAGES = ['/home/', '/race/', '/dashboard/'];

async function run(args: string[]): Promise<void> {
  const { values } = parse('serve', {
    args,
    options: {
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: process.env['PORT'] || '8000' },
      origin: { type: 'string', multiple: true, default: [] },
      'max-message-bytes': { type: 'string', default: '1048576' },
    },
  });
  // Node takes an empty host for all addresses; an unset variable in a script should not mean that.
  if (values.host === '') throw new CommandError('the host must not be empty');
  const port = parseWholeNumber('the port', values.port, 65_535);

  const server = createServer({
    deflate: true,
    origins: values.origin.includes('*') ? '*' : values.origin,
    maxMessageBytes: parseMessageLimit(values['max-message-bytes']),
    onRefuse: (error, request) => console.error(describeRefusal(error, request)),
  });
  logConnections();
  addEchoRoutes(server);
  addRaceRoutes(server);
  const endDashboard = addDashboardRoutes(server);
  await listen(server, port, values.host);
  closeOnSignal(() => {
    endDashboard();
    void server.close();
  });
  const { port: listened } = server.address() as { port: number };
  for (const page of PAGES) console.log(`${origin(values.host, listened)}${page}`);
}

function logConnections(): void {
  subscribe('twobyte:connection:open', (event) => {
    const { connection: { request } } = event as DiagnosticsEvents['twobyte:connection:open'];
    console.error(`opened ${describe(request)}`);
  });
  subscribe('twobyte:connection:close', (event) => {
    const { connection, close } = event as DiagnosticsEvents['twobyte:connection:close'];
    const { request, stats: { received, sent } } = connection;
    const reason = firstLine(close.reason || close.error?.message || '');
    const messages = `messages in ${received.messages}, out ${sent.messages}`;
    console.error(`closed ${describe(request)} with ${close.code}${reason && `: ${reason}`}; ${messages}`);
  });
}

function describe({ path, remoteAddress }: OpeningRequest): string {
  return `${firstLine(path)} from ${remoteAddress}`;
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  try {
    await server.listen(port, host);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      throw new CommandError(`port ${port} on ${host} is in use; choose another with --port`);
    }
    // EACCES for a port that not every user may open, EADDRNOTAVAIL, ENOTFOUND and others.
    const advice = 'choose an address of this machine with --host, and a port above 1023 with --port';
    throw new CommandError(`cannot listen on port ${port} of ${host} (${code}); ${advice}`);
  }
}

/** The origin of a server's pages, with an IPv6 address in brackets (RFC 3986 §3.2.2). */
export function origin(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
