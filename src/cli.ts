#!/usr/bin/env node
// The command line: chooses the command, prints help, and reports mistakes in one sentence.
import { readFileSync } from 'node:fs';
import { CommandError, type Command } from './cli/arguments.js';
import { bench } from './cli/bench.js';
import { connect } from './cli/connect.js';
import { serve } from './cli/serve.js';

const help = `Usage: twobyte COMMAND [options]

  serve                    runs a server to try WebSocket with
  connect URL              sends lines to a server, and prints the messages that come
  bench URL                measures how soon a server answers

  --help                   prints this; after a command, its options
  --version                prints the version`;

const commands: Readonly<Record<string, Command>> = { serve, connect, bench };

try {
  await run(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  console.error(`twobyte: ${error.message}`);
  process.exitCode = 1;
}

async function run(args: string[]): Promise<void> {
  const [name = '', ...rest] = args;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (args.includes('--help')) console.log(command?.help ?? help);
  else if (args.includes('--version')) console.log(version());
  else if (name === '') throw new CommandError('a command is missing; see twobyte --help');
  else if (command === undefined) throw new CommandError(`there is no command "${name}"; see twobyte --help`);
  else await command.run(rest);
}

function version(): string {
  const description = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(description) as { version: string }).version;
}
