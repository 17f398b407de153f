// A stream of JetStream: the messages of any number of feeds are in it, each feed's under a subject of its own.
import { LogError } from '../errors.js';
import type { Nats, NatsMessage } from './nats-client.js';

/** The fields that NATS has for a stream, by their names there. */
export interface NatsStreamConfig {
  /** Default: the subject up to the first `.`. */
  name?: string;
  /** Default: all subjects that begin so. */
  subjects?: string[];
  [field: string]: unknown;
}

/** What JetStream tells of a stream. */
export interface StreamInfo {
  readonly created: string;
  readonly config: {
    readonly subjects: readonly string[];
    readonly max_msgs_per_subject: number;
    readonly republish?: { readonly src?: string; readonly dest: string };
  };
  readonly state: {
    readonly first_seq: number;
    readonly last_seq: number;
    /** How many messages there are of the subject that was asked for. */
    readonly subjects?: Readonly<Record<string, number>>;
  };
}

/** A message of a stream, with its number in the stream. */
export interface StreamMessage {
  readonly sequence: number;
  readonly text: string;
}

interface RawMessage {
  readonly subject: string;
  readonly seq: number;
  /** In Base64; absent if there is none. */
  readonly data?: string;
}

/** JetStream's question for a message. */
export type StreamQuery = { seq: number } | { seq: number; next_by_subj: string } | { last_by_subj: string };

/** Where JetStream tells of each message once it has it, with its number and that of the subject's one before. */
export const TOLD = 'twobyte.';
const REPUBLISH = { src: '>', dest: `${TOLD}>` };

/** Nanoseconds for which JetStream keeps a consumer that has given its messages. */
const CONSUMER_TIME = 1e9;

export class NatsStream {
  readonly #nats: Nats;
  readonly #name: string;
  #opening: Promise<StreamInfo | null> | null = null;
  #making: Promise<StreamInfo> | null = null;
  /** Whether anything was ever in it. */
  #isUsed = false;
  /** What it was when it was opened; `null` if it may be another one by now. */
  current: StreamInfo | null = null;

  constructor(nats: Nats, name: string) {
    this.#nats = nats;
    this.#name = name;
  }

  forget(): void {
    this.current = null;
    this.#isUsed = false;
  }

  /**
   * @returns `null` if there is none.
   * @throws LogError (as rejection) if it does not tell of its messages; else as `Nats.ask`.
   */
  async open(): Promise<StreamInfo | null> {
    return this.current ?? (this.#opening ??= this.#open().finally(() => (this.#opening = null)));
  }

  async #open(): Promise<StreamInfo | null> {
    const info = await this.info();
    if (info !== null) this.#take(info);
    return info;
  }

  /** The same, but makes it if there is none. */
  make(config: NatsStreamConfig): Promise<StreamInfo> {
    return (this.#making ??= this.#make(config).finally(() => (this.#making = null)));
  }

  async #make(config: NatsStreamConfig): Promise<StreamInfo> {
    const info = await this.open();
    if (info !== null) return info;
    try {
      const made = { discard: 'old', ...config, name: this.#name, republish: REPUBLISH };
      return this.#take((await this.#nats.ask<StreamInfo>(`STREAM.CREATE.${this.#name}`, made))!);
    } catch (error) {
      // Another process may have made it meanwhile, with another configuration.
      const info = error instanceof LogError ? await this.open() : null;
      if (info === null) throw error;
      return info;
    }
  }

  #take(info: StreamInfo): StreamInfo {
    const { src, dest } = info.config.republish ?? {};
    if (src !== REPUBLISH.src || dest !== REPUBLISH.dest) {
      const options = `--republish-source '${REPUBLISH.src}' --republish-destination '${REPUBLISH.dest}'`;
      throw new LogError(`the stream ${this.#name} tells natsLog nothing: nats stream edit ${this.#name} ${options}`);
    }
    return (this.current = info);
  }

  /** What it is now, and how many messages it has of a subject; `null` if there is no stream. */
  info(subject?: string): Promise<StreamInfo | null> {
    return this.#nats.ask(`STREAM.INFO.${this.#name}`, subject === undefined ? {} : { subjects_filter: subject });
  }

  /** @returns `null` if there is none. */
  async get(query: StreamQuery): Promise<(StreamMessage & { readonly subject: string }) | null> {
    // A question that comes too early can end NATS 2.9: it is asked once something is there.
    this.#isUsed ||= ((await this.info())?.state.last_seq ?? 0) > 0;
    if (!this.#isUsed) return null;
    const answer = await this.#nats.ask<{ message?: RawMessage }>(`STREAM.MSG.GET.${this.#name}`, query);
    if (answer === null) this.forget();
    if (answer?.message === undefined) return null;
    const { subject, seq, data = '' } = answer.message;
    return { subject, sequence: seq, text: Buffer.from(data, 'base64').toString() };
  }

  /** The messages of a subject from one number to another, as many as there are up to a limit, without a gap. */
  async read(subject: string, sequence: number, last: number, limit: number): Promise<StreamMessage[]> {
    const messages: StreamMessage[] = [];
    // A reader's place and the next: most are no further behind.
    while (messages.length < 2) {
      const message = await this.get({ seq: sequence, next_by_subj: subject });
      if (message === null) return messages;
      messages.push(message);
      if (message.sequence >= last || messages.length === limit) return messages;
      sequence = message.sequence + 1;
    }
    return [...messages, ...(await this.#consume(subject, sequence, last, limit - messages.length))];
  }

  async #consume(subject: string, sequence: number, last: number, limit: number): Promise<StreamMessage[]> {
    const messages: StreamMessage[] = [];
    // It gives no more than it may without a confirmation.
    const consumer = {
      deliver_policy: 'by_start_sequence', opt_start_seq: sequence, filter_subject: subject,
      ack_policy: 'explicit', max_ack_pending: limit, max_deliver: 1,
      inactive_threshold: CONSUMER_TIME, mem_storage: true, num_replicas: 1,
    };
    const ask = async (inbox: string): Promise<boolean> => {
      const question = { stream_name: this.#name, config: { ...consumer, deliver_subject: inbox } };
      const answer = await this.#nats.ask<{ num_pending: number }>(`CONSUMER.CREATE.${this.#name}`, question);
      return answer === null || answer.num_pending === 0;
    };
    await this.#nats.collect(ask, (message) => {
      const { sequence, count, pending } = positionOf(message);
      // One is lost on its way.
      if (count !== messages.length + 1) return true;
      messages.push({ sequence, text: message.string() });
      // What NATS 2.9 says is left may not come.
      return sequence >= last || pending === 0 || messages.length === limit;
    });
    return messages;
  }
}

/** What names the life of a stream: one that is made anew has another. */
export function lifeOf({ created }: StreamInfo): string {
  return Date.parse(created).toString(36);
}

/**
 * What JetStream tells of a message that a consumer gives, by where to confirm it: $JS.ACK, a domain and an account in
 * newer versions, the stream, the consumer, how often, number in the stream, number for the consumer, time, how many
 * are left, and maybe more.
 */
function positionOf({ reply = '' }: NatsMessage): { sequence: number; count: number; pending: number } {
  const tokens = reply.split('.');
  const [sequence, count, , pending] = tokens.slice(tokens.length > 9 ? 7 : 5).map(Number);
  return { sequence, count, pending };
}
