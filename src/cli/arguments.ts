// What the commands share: their shape, and checks of arguments that report a mistake in one sentence.
import { constants } from 'node:buffer';
import { parseArgs, type ParseArgsConfig } from 'node:util';

/** What `twobyte NAME` does. */
export interface Command {
  /** The text of `twobyte NAME --help`. */
  readonly help: string;
  /** @param args what follows the name */
  run(args: string[]): Promise<void>;
}

/** A mistake that the user can correct: reported in one sentence, without a stack trace. */
export class CommandError extends Error {}

/** The longest time that Node's timers accept, in milliseconds. */
const MAX_MILLISECONDS = 2 ** 31 - 1;

/** `parseArgs`, with errors worded for the user of the command. */
export function parse<T extends ParseArgsConfig>(command: string, config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    // The first sentence says what is wrong; the rest are about rarer cases.
    const [sentence] = (error as Error).message.split(/\.?\s*(?:\n|\. |$)/, 1);
    throw new CommandError(`${sentence}; see twobyte ${command} --help`);
  }
}

export function parseWholeNumber(name: string, text: string, highest: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value <= highest) return value;
  throw new CommandError(`${name} must be a whole number from 0 to ${highest}, not "${text}"`);
}

/** The value of `--max-message-bytes`, at most the length of the longest string. */
export function parseMessageLimit(text: string): number {
  return parseWholeNumber('--max-message-bytes', text, constants.MAX_STRING_LENGTH);
}

/** Returns in milliseconds what the user writes in seconds. */
export function parseSeconds(name: string, text: string): number {
  const value = /^\d+(?:\.\d+)?$/.test(text) ? Math.round(Number(text) * 1000) : NaN;
  if (value <= MAX_MILLISECONDS) return value;
  throw new CommandError(`${name} must be seconds from 0 to ${Math.floor(MAX_MILLISECONDS / 1000)}, not "${text}"`);
}
