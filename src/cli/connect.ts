// `twobyte connect`: sends lines as messages, and prints the messages that arrive; with `--listen`, as a server.
import type { Connection } from '../index.js';
import { CommandError, parse, parseSeconds, type Command } from './arguments.js';
import { commands, Conversation, type Manner } from './conversation.js';
import { listen } from './listen.js';
import { Pipe, type UserInterface } from './pipe.js';
import { firstLine } from './printable.js';
import { closeOnSignal } from './signals.js';
import { open, openAgain, parseTarget, targetHelp, targetOptions, type Look } from './target.js';
import { Terminal } from './terminal.js';
import { trace } from './trace.js';

const help = `Usage: twobyte connect URL [options]
       twobyte connect --listen PORT [options]

Connects to a ws: or wss: URL, sends each line of the standard input as a text message, and
prints each received message to the standard output: text as it is, binary as a line
"[binary, length N]" with its bytes in hexadecimal. All else goes to the standard error.

${targetHelp}
  --binary                 sends binary messages; received ones are written as they are,
                           without a line ending, unless to a terminal
  --json                   prints messages that are JSON on several lines, coloured on a terminal
  --execute MESSAGE        sends this instead of the standard input; repeat it for more
  --wait SECONDS           how long to stay after the last line has arrived at the server
                           (until there was no message for a second)
  --once                   stays for the first message, and closes after it
  --reconnect              connects again when the connection is lost, until Ctrl-C; lines that
                           are written meanwhile wait
  --listen [HOST:]PORT     is the server (of 127.0.0.1): prints what all clients send, at any
                           path, and sends each line, and what is given by --execute, to all
  -v, --verbose            tells of the headers and of each frame, with the seconds since the
                           connection, on the standard error
  --help                   prints this

At the prompt of a terminal, a line that begins with / is a command:

${commands}

The lines written there are kept for the next time, up to 1000 of them, in the file
twobyte/history of the folder XDG_STATE_HOME (~/.local/state).

Ctrl-D ends the input, Ctrl-C closes with 1000, and a second Ctrl-C stops at once.
The exit code is 0 if the connection was closed with 1000, 1001 or without a code, or from
here though the server did not answer, else 1.
For wss:, the environment's NODE_EXTRA_CA_CERTS names a file of further certificates to trust.`;

export const connect: Command = { help, run };

async function run(args: string[]): Promise<void> {
  const { values, positionals } = parse('connect', {
    args,
    allowPositionals: true,
    options: {
      ...targetOptions,
      binary: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      execute: { type: 'string', multiple: true },
      wait: { type: 'string' },
      once: { type: 'boolean', default: false },
      reconnect: { type: 'boolean', default: false },
      listen: { type: 'string' },
      verbose: { type: 'boolean', short: 'v', default: false },
    },
  });
  const manner: Manner = {
    isBinary: values.binary,
    isJson: values.json,
    isOnce: values.once,
    wait: values.wait === undefined ? undefined : parseSeconds('--wait', values.wait),
  };
  const { execute } = values;
  if (values.listen !== undefined) {
    if (positionals.length > 0) throw new CommandError('a server has no URL; leave it out, or --listen');
    return await listen(values.listen, manner, execute === undefined ? openInterface() : openPipe(), execute);
  }
  const target = parseTarget(positionals, values);
  let user: UserInterface | null = null;
  const note = (text: string): void => (user === null ? console.error(text) : user.note(text));
  const look: Look = values.verbose ? (stream) => trace(stream, note) : () => {};
  // A server that can't be reached is no reason for a prompt.
  const first = values.reconnect ? null : await open(target, look);
  user = execute === undefined ? openInterface() : openPipe();
  const abandoned = new AbortController();
  const conversation = new Conversation(user, manner, () => abandoned.abort());
  closeOnSignal(() => conversation.close(), () => user!.close());
  const connections = first === null
    ? openAgain(target, look, {
        signal: abandoned.signal,
        onRetry: ({ error, delay }) => note(`${firstLine(error.message)}; again in ${(delay / 1000).toFixed(1)} s`),
      })
    : only(first);
  await conversation.hold(connections, execute ?? user.lines);
}

async function* only(connection: Connection): AsyncGenerator<Connection, void, undefined> {
  yield connection;
}

function openPipe(): UserInterface {
  return new Pipe(process.stdin, process.stdout);
}

function openInterface(): UserInterface {
  // Some terminals, such as an editor's window, cannot move the cursor.
  const hasPrompt = process.stdin.isTTY && process.stdout.isTTY && process.env['TERM'] !== 'dumb';
  return hasPrompt ? new Terminal() : openPipe();
}
