// Publishes to a subject of NATS in the order of the calls, and waits while there is no connection, or no stream.
import { LogError } from '../errors.js';
import { createLife } from './memory-log.js';
import { answerOf, isNoResponders, UnansweredError, type Nats } from './nats-client.js';
import { lifeOf, type NatsStream, type NatsStreamConfig } from './nats-stream.js';

/** Where an update is: the life of the stream, its number there, and its tag. */
export interface Place {
  readonly life: string;
  readonly sequence: number;
  /** Of each update another: numbers are used again if NATS loses the newest messages. */
  readonly tag: string;
}

interface Waiting {
  readonly text: string;
  /** How many were published before it. */
  readonly number: number;
  /** Until when it waits. */
  readonly end: number;
  resolve(place: Place): void;
  reject(error: unknown): void;
}

/** Milliseconds between two attempts to publish while the stream is not there. */
const RETRY_TIME = 250;

/** What distinguishes the tags of this process, and of each update. */
const writer = createLife();
let written = 0;

export class NatsPublisher {
  readonly #nats: Nats;
  readonly #stream: NatsStream;
  readonly #subject: string;
  readonly #config: NatsStreamConfig;
  readonly #wait: number;
  /** In the order of the calls. Who comes while there are any waits too, or it would overtake them. */
  readonly #line: Waiting[] = [];
  #isServing = false;
  #count = 0;

  /** @param config of the stream, if there is none @param wait how many milliseconds it waits for one */
  constructor(nats: Nats, stream: NatsStream, subject: string, config: NatsStreamConfig, wait: number) {
    this.#nats = nats;
    this.#stream = stream;
    this.#subject = subject;
    this.#config = config;
    this.#wait = wait;
  }

  /** @throws LogError (as rejection) if NATS refuses it, is away for too long, or may have it or not. */
  async publish(text: string): Promise<Place> {
    const number = ++this.#count;
    const place = this.#line.length === 0 ? await this.#send(text) : null;
    if (place !== null) return place;
    return new Promise((resolve, reject) => {
      this.#enqueue({ text, number, end: performance.now() + this.#wait, resolve, reject });
      if (!this.#isServing) void this.#serve();
    });
  }

  #enqueue(waiting: Waiting): void {
    let index = this.#line.length;
    while (index > 0 && this.#line[index - 1].number > waiting.number) index--;
    this.#line.splice(index, 0, waiting);
  }

  async #serve(): Promise<void> {
    this.#isServing = true;
    for (;;) {
      await this.#attempt();
      if (this.#line.length === 0) break;
      await new Promise((resolve) => setTimeout(resolve, RETRY_TIME));
    }
    this.#isServing = false;
  }

  /** Sends all that wait once there is a connection and a stream. */
  async #attempt(): Promise<void> {
    let cause: unknown;
    try {
      await this.#connect();
      await this.#stream.make(this.#config);
    } catch (error) {
      if (error instanceof LogError) return this.#line.splice(0).forEach(({ reject }) => reject(error));
      cause = error;
    }
    await Promise.all(this.#line.splice(0).map(async (waiting) => {
      try {
        const place = await this.#send(waiting.text);
        if (place !== null) waiting.resolve(place);
        else if (performance.now() < waiting.end) this.#enqueue(waiting);
        else throw this.#untaken(cause);
      } catch (error) {
        waiting.reject(error);
      }
    }));
  }

  /** Waits for a connection, and tells those whose time is over meanwhile. */
  async #connect(): Promise<void> {
    while (this.#line.length > 0) {
      const [{ end }] = this.#line;
      try {
        return await this.#nats.connected(Math.max(end - performance.now(), 0));
      } catch (error) {
        this.#line.shift()!.reject(error);
      }
    }
  }

  #untaken(cause: unknown): LogError {
    return new LogError(`no stream of NATS takes ${this.#subject} at the moment: see nats stream ls`, { cause });
  }

  /** @returns `null` if it was not sent, or no stream has taken it. */
  async #send(text: string): Promise<Place | null> {
    const { current } = this.#stream;
    if (current === null) return null;
    const life = lifeOf(current);
    const tag = writer + (++written).toString(36);
    try {
      const answer = answerOf<{ seq: number }>(await this.#nats.request(this.#subject, `${life} ${tag} ${text}`));
      return { life, sequence: answer!.seq, tag };
    } catch (cause) {
      if (cause instanceof UnansweredError) {
        throw new LogError(`${cause.message}: it may have the update, or not`, { cause });
      }
      if (!isNoResponders(cause)) throw cause;
      this.#stream.forget();
      return null;
    }
  }
}
