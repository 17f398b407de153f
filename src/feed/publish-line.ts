// Publishes to a broker in the order of the calls, though the broker may have to be prepared for it first.

/** How updates get to a broker. */
export interface Sender<Place> {
  /** Sends the text of an update. @returns `null` if the broker must be prepared before it takes any. */
  send(text: string): Promise<Place | null>;
  /** @param wait how many milliseconds it may take @throws what those that wait are told */
  prepare(wait: number): Promise<void>;
  /** Why nothing was taken, though the broker was prepared. */
  refusal(): Error;
}

/** An update that was not taken, or came when others waited. */
interface Waiting<Place> {
  readonly text: string;
  /** How many were published before it. */
  readonly number: number;
  /** Until when it waits. */
  readonly end: number;
  resolve(place: Promise<Place>): void;
  reject(error: unknown): void;
}

/** Milliseconds between two attempts. */
const RETRY_TIME = 250;

export class PublishLine<Place> {
  readonly #sender: Sender<Place>;
  readonly #wait: number;
  /** In the order of the calls. Who comes while there are any waits too, or it would overtake them. */
  readonly #line: Waiting<Place>[] = [];
  #isServing = false;
  #count = 0;
  /** How many are sent, and not known to be taken or not. */
  #onTheWay = 0;
  #arrived = (): void => {};

  /** @param wait how many milliseconds an update waits for the broker */
  constructor(sender: Sender<Place>, wait: number) {
    this.#sender = sender;
    this.#wait = wait;
  }

  /** @throws as `send` and `prepare` (as rejection), or the refusal once its time is over. */
  publish(text: string): Promise<Place> {
    const number = ++this.#count;
    return this.#line.length === 0 ? this.#send(text, number) : this.#enqueue(text, number);
  }

  /** @param end until when it waits, if it does already */
  async #send(text: string, number: number, end?: number): Promise<Place> {
    let place: Place | null;
    this.#onTheWay++;
    try {
      place = await this.#sender.send(text);
    } finally {
      if (--this.#onTheWay === 0) this.#arrived();
    }
    if (place !== null) return place;
    if (end !== undefined && end <= performance.now()) throw this.#sender.refusal();
    return this.#enqueue(text, number, end);
  }

  #enqueue(text: string, number: number, end?: number): Promise<Place> {
    let index = this.#line.length;
    while (index > 0 && this.#line[index - 1].number > number) index--;
    return new Promise((resolve, reject) => {
      const waiting = { text, number, end: end ?? performance.now() + this.#wait, resolve, reject };
      this.#line.splice(index, 0, waiting);
      if (!this.#isServing) void this.#serve(end !== undefined);
    });
  }

  /** @param isAgain whether the broker was prepared in vain */
  async #serve(isAgain: boolean): Promise<void> {
    this.#isServing = true;
    do {
      if (isAgain) await new Promise((resolve) => setTimeout(resolve, RETRY_TIME));
      // Any of those may have to go before who waits already.
      if (this.#onTheWay > 0) await new Promise<void>((resolve) => (this.#arrived = resolve));
      await this.#attempt();
      isAgain = true;
    } while (this.#line.length > 0);
    this.#isServing = false;
  }

  /** Sends all that wait once the broker is prepared. */
  async #attempt(): Promise<void> {
    const [{ end }] = this.#line;
    try {
      await this.#sender.prepare(Math.max(end - performance.now(), 0));
    } catch (error) {
      // It may be the time of the first only that is over.
      const late = this.#line.findIndex((waiting) => waiting.end > performance.now());
      const count = late > 0 ? late : this.#line.length;
      return this.#line.splice(0, count).forEach(({ reject }) => reject(error));
    }
    for (const { text, number, end, resolve } of this.#line.splice(0)) resolve(this.#send(text, number, end));
  }
}
