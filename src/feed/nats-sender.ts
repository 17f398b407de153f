// Sends updates to a subject of NATS, and makes the stream if there is none.
import { LogError } from '../errors.js';
import { createLife } from './memory-log.js';
import { answerOf, isNoResponders, UnansweredError, type Nats } from './nats-client.js';
import { lifeOf, type NatsStream, type NatsStreamConfig } from './nats-stream.js';
import type { Sender } from './publish-line.js';

/** Where an update is: the life of the stream, its number there, and its tag. */
export interface Place {
  readonly life: string;
  readonly sequence: number;
  /** Of each update another: numbers are used again if NATS loses the newest messages. */
  readonly tag: string;
}

/** What distinguishes the tags of this process, and of each update. */
const writer = createLife();
let written = 0;

export class NatsSender implements Sender<Place> {
  readonly #nats: Nats;
  readonly #stream: NatsStream;
  readonly #subject: string;
  readonly #config: NatsStreamConfig;
  /** Why there is no stream for now. */
  #cause: unknown;

  /** @param config of the stream, if there is none */
  constructor(nats: Nats, stream: NatsStream, subject: string, config: NatsStreamConfig) {
    this.#nats = nats;
    this.#stream = stream;
    this.#subject = subject;
    this.#config = config;
  }

  /** @throws LogError (as rejection) if NATS refuses it, or is away for too long. */
  async prepare(wait: number): Promise<void> {
    await this.#nats.connected(wait);
    this.#cause = undefined;
    try {
      await this.#stream.make(this.#config);
    } catch (error) {
      if (error instanceof LogError) throw error;
      this.#cause = error;
    }
  }

  refusal(): LogError {
    const message = `no stream of NATS takes ${this.#subject} at the moment: see nats stream ls`;
    return new LogError(message, { cause: this.#cause });
  }

  /** @throws LogError (as rejection) if NATS refuses it, or may have it or not. */
  async send(text: string): Promise<Place | null> {
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
