// A person's terminal: a prompt to type at, with messages printed above the line being typed.
import { clearScreenDown, createInterface, cursorTo, moveCursor, type Interface } from 'node:readline';
import { historyPath, readHistory, writeHistory } from './history.js';
import type { UserInterface } from './pipe.js';

export class Terminal implements UserInterface {
  readonly #readline: Interface;
  readonly #iterator: AsyncIterator<string>;
  #isClosed = false;

  constructor() {
    const path = historyPath(process.env);
    const history = readHistory(path);
    const [input, output] = [process.stdin, process.stdout];
    this.#readline = createInterface({ input, output, prompt: '> ', history, removeHistoryDuplicates: true });
    this.#iterator = this.#readline[Symbol.asyncIterator]();
    // In raw mode, Ctrl-C is a key.
    this.#readline.on('SIGINT', () => process.emit('SIGINT'));
    let typed: readonly string[] = history;
    this.#readline.on('history', (lines) => (typed = lines));
    this.#readline.on('close', () => {
      writeHistory(path, typed);
      this.#clearPrompt();
      this.#isClosed = true;
    });
  }

  /** Shows a prompt for each line. */
  get lines(): AsyncIterable<string> {
    return this.#readLines();
  }

  async print(message: string | Buffer): Promise<void> {
    this.#writeAbove(process.stdout, `< ${message}`);
  }

  note(text: string): void {
    this.#writeAbove(process.stderr, `${text}\n`);
  }

  close(): void {
    this.#readline.close();
  }

  async *#readLines(): AsyncGenerator<string, void, undefined> {
    for (;;) {
      if (!this.#isClosed) this.#readline.prompt();
      const { done, value } = await this.#iterator.next();
      if (done) return;
      yield value;
    }
  }

  #writeAbove(stream: NodeJS.WriteStream, text: string): void {
    if (this.#isClosed) return void stream.write(text);
    this.#clearPrompt();
    stream.write(text);
    // `prompt` first moves up by the rows that readline believes the cursor is below the prompt. After a paste that is
    // wrong: readline doesn't count the rows of pasted text.
    const { prevRows = this.#readline.getCursorPos().rows } = this.#readline as { prevRows?: number };
    process.stdout.write('\n'.repeat(prevRows));
    this.#readline.prompt(true);
  }

  #clearPrompt(): void {
    moveCursor(process.stdout, 0, -this.#readline.getCursorPos().rows);
    cursorTo(process.stdout, 0);
    clearScreenDown(process.stdout);
  }
}
