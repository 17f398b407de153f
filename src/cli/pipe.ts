// The standard streams of a script: lines of bytes in, messages out as they are.
import type { Readable, Writable } from 'node:stream';
import { CommandError } from './arguments.js';

/** Where outgoing messages come from, and where incoming ones go. */
export interface UserInterface {
  /** Each is a message, without its line ending. */
  readonly lines: AsyncIterable<string | Buffer>;
  /** Prints a message. The promise fulfils once there is room for the next, and rejects with EPIPE if nobody reads. */
  print(message: string | Buffer): Promise<void>;
  /** Tells the user something about the connection. */
  note(text: string): void;
  /** Ends `lines`. */
  close(): void;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export class Pipe implements UserInterface {
  readonly lines: AsyncIterable<Buffer>;
  readonly #input: Readable;
  readonly #output: Writable;

  constructor(input: Readable, output: Writable) {
    this.#input = input;
    this.#output = output;
    this.lines = readLines(input);
    // The callback of `write` reports it. Without a listener, the event would end the process.
    output.on('error', () => {});
  }

  async print(message: string | Buffer): Promise<void> {
    try {
      await write(this.#output, message);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') throw error;
      throw new CommandError(`the standard output cannot be written (${code})`);
    }
  }

  note(text: string): void {
    console.error(text);
  }

  close(): void {
    this.#input.destroy();
  }
}

function write(output: Writable, message: string | Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(message, (error) => (error ? reject(error) : resolve()));
  });
}

/**
 * Splits bytes into lines that end with LF or CR LF, or with the input. `node:readline` would decode them, and split at
 * other characters too, such as U+2028, which JSON may contain.
 */
export async function* readLines(input: Readable): AsyncGenerator<Buffer, void, undefined> {
  let parts: Buffer[] = [];
  try {
    for await (const chunk of input as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end; (end = chunk.indexOf(LINE_FEED, start)) !== -1; start = end + 1) {
        yield joinLine(parts, chunk.subarray(start, end));
        parts = [];
      }
      if (start < chunk.length) parts.push(chunk.subarray(start));
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ERR_STREAM_PREMATURE_CLOSE') return;
    throw new CommandError(`the standard input cannot be read (${code})`);
  }
  if (parts.length > 0) yield Buffer.concat(parts);
}

function joinLine(parts: Buffer[], last: Buffer): Buffer {
  const line = parts.length === 0 ? last : Buffer.concat([...parts, last]);
  return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line;
}
