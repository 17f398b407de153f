// How far a load is: a line of a terminal, drawn again in its place.

/** What is used of the standard error. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Milliseconds between two drawings. */
const INTERVAL = 100;

/** Where the width of a terminal isn't known. */
const COLUMNS = 80;

const LONGEST_BAR = 40;

/** Draws nothing where nobody looks: in a pipe or a file. */
export class Progress {
  readonly #screen: Screen;
  readonly #milliseconds: number;
  #drawnAt = -Infinity;

  /** @param milliseconds how long it takes */
  constructor(screen: Screen, milliseconds: number) {
    this.#screen = screen;
    this.#milliseconds = milliseconds;
  }

  /** @param elapsed milliseconds since the start */
  show(elapsed: number, answered: number): void {
    if (!this.#screen.isTTY || elapsed < this.#drawnAt + INTERVAL) return;
    this.#drawnAt = elapsed;
    const part = Math.min(elapsed / this.#milliseconds, 1);
    const left = (Math.max(this.#milliseconds - elapsed, 0) / 1000).toFixed(0);
    const text = `${String(Math.floor(100 * part)).padStart(3)} %, ${left} s left, ${answered} answers`;
    // A line that fills the terminal would wrap.
    const room = (this.#screen.columns || COLUMNS) - text.length - 4;
    const length = Math.max(0, Math.min(room, LONGEST_BAR));
    const full = Math.round(part * length);
    const bar = length === 0 ? '' : `[${'#'.repeat(full)}${'-'.repeat(length - full)}] `;
    this.#screen.write(`\r${bar}${text}\x1b[K`);
  }

  /** Makes room for what is printed next. */
  clear(): void {
    if (this.#drawnAt < 0) return;
    this.#screen.write('\r\x1b[K');
    this.#drawnAt = -Infinity;
  }
}
