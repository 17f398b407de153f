#!/usr/bin/env node
// The command line: `twobyte serve` runs the demo server.
import { constants } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { createServer, type Server } from './index.js';
import { addEchoRoutes } from './server/echo.js';

const help = `Usage: twobyte serve [options]

Serves a page to try WebSocket with at /home/, an echo over HTTP and WebSocket at /echo/,
and one over WebSocket only, for a single message, at /websocket/.

  --host ADDRESS           the address to listen on (127.0.0.1)
  --port NUMBER            the TCP port, 0 for any that is free (the environment's PORT, else 8000)
  --max-message-bytes N    the longest message to accept, in bytes (1048576)

  --help                   prints this
  --version                prints the version`;

/** What the user can put right: told in one sentence, without a stack trace. */
class CommandError extends Error {}

/** Milliseconds within which npm has passed on a signal; measured: 3. */
const NPM_DELAY = 100;

/** The commands, each called with the arguments behind its name. */
const commands: Readonly<Record<string, (args: string[]) => Promise<void>>> = { serve };

try {
  await run(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  console.error(`twobyte: ${error.message}`);
  process.exitCode = 1;
}

async function run(args: string[]): Promise<void> {
  const [name, ...rest] = args;
  if (args.includes('--help')) console.log(help);
  else if (args.includes('--version')) console.log(version());
  else if (name === undefined) throw new CommandError('a command is missing; see twobyte --help');
  else if (!Object.hasOwn(commands, name)) throw new CommandError(`there is no command "${name}"; see twobyte --help`);
  else await commands[name](rest);
}

function version(): string {
  const description = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(description) as { version: string }).version;
}

async function serve(args: string[]): Promise<void> {
  const options = parse({
    args,
    options: {
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: process.env['PORT'] || '8000' },
      'max-message-bytes': { type: 'string', default: '1048576' },
    },
  });
  // Node takes an empty host for all addresses, which is too much for an empty variable in a script.
  if (options.host === '') throw new CommandError('the host must not be empty');
  const port = wholeNumber('the port', options.port, 65_535);
  // A longer text would not fit into a string.
  const maxMessageBytes = wholeNumber('--max-message-bytes', options['max-message-bytes'], constants.MAX_STRING_LENGTH);

  const server = createServer({ maxMessageBytes });
  addEchoRoutes(server);
  await listen(server, port, options.host);
  closeOnSignal(server);
  console.log(`${origin(server, options.host)}/home/`);
}

/** `parseArgs`, with its errors made fit for the user. */
function parse<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>>['values'] {
  try {
    return parseArgs(config).values;
  } catch (error) {
    // The first sentence says what is wrong, those behind it are about rarer wishes.
    const [sentence] = (error as Error).message.split(/\.?\s*(?:\n|\. |$)/, 1);
    throw new CommandError(`${sentence}; see twobyte --help`);
  }
}

function wholeNumber(name: string, text: string, highest: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value <= highest) return value;
  throw new CommandError(`${name} must be a whole number from 0 to ${highest}, not "${text}"`);
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  try {
    await server.listen(port, host);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(
      code === 'EADDRINUSE' ? `port ${port} on ${host} is in use; choose another with --port`
      : code === 'EACCES' ? `port ${port} is not open to this user; choose one above 1023 with --port`
      : `cannot listen on ${host} (${code}); choose an address of this machine with --host`,
    );
  }
}

/** The origin of the server's pages; an IPv6 address stands in brackets (RFC 3986 §3.2.2). */
function origin(server: Server, host: string): string {
  const { port } = server.address() as { port: number };
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The first Ctrl-C closes the server, which ends the process; the second finds no listener and ends it at once. */
function closeOnSignal(server: Server): void {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const stopListening = (): void => {
    for (const signal of signals) process.off(signal, close);
  };
  let isClosing = false;
  const close = (): void => {
    if (isClosing) return;
    isClosing = true;
    // npm passes on the Ctrl-C that the terminal has sent here too: that is not the second one.
    if (process.env['npm_lifecycle_event'] === undefined) stopListening();
    else setTimeout(stopListening, NPM_DELAY).unref();
    console.error('closing; press Ctrl-C again to stop at once');
    void server.close();
  };
  for (const signal of signals) process.on(signal, close);
}
