// A connection to a NATS of the test's own: one JetStream, as far as the log asks it, that does what the test says.
import type { NatsConnection, NatsMessage } from '../../src/feed/nats.js';

type Callback = (error: Error | null, message: NatsMessage) => void;

interface Stored {
  readonly subject: string;
  readonly seq: number;
  readonly data: string;
}

interface Stream {
  created: string;
  readonly config: { subjects: string[]; max_msgs_per_subject: number; republish?: { src: string; dest: string } };
  messages: Stored[];
  last: number;
}

interface Question {
  seq?: number;
  next_by_subj?: string;
  last_by_subj?: string;
  config?: { deliver_subject: string; opt_start_seq: number; filter_subject: string; max_ack_pending: number };
}

export const NO_STREAM = { code: 404, err_code: 10059, description: 'stream not found' };
export const NO_MESSAGE = { code: 404, err_code: 10037, description: 'no message found' };

export class FakeNats implements NatsConnection {
  readonly streams = new Map<string, Stream>();
  readonly subscriptions = new Map<string, Set<Callback>>();
  readonly asked: string[] = [];
  readonly options: { inboxPrefix?: string } = {};
  /** Answers in place of JetStream, or throws; `undefined` leaves it to JetStream. */
  answer: (subject: string, payload: string) => unknown = () => undefined;
  /** Whether what is published is told. */
  isTelling = true;
  /** In front of what a consumer's message says. */
  ack = '$JS.ACK';
  #asking = 0;
  #isClosed = false;
  #close = (): void => {};
  readonly #closed = new Promise<void>((resolve) => (this.#close = resolve));
  readonly #statuses: { type: string }[] = [];
  #wake = (): void => {};

  isClosed(): boolean {
    return this.#isClosed;
  }

  closed(): Promise<void> {
    return this.#closed;
  }

  close(): void {
    this.#isClosed = true;
    this.#close();
  }

  /** Tells how the connection fares. */
  tell(type: string): void {
    this.#statuses.push({ type });
    this.#wake();
  }

  async *status(): AsyncGenerator<{ type: string }> {
    for (;;) {
      while (this.#statuses.length > 0) yield this.#statuses.shift()!;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  subscribe(subject: string, { callback }: { callback?: Callback } = {}): { unsubscribe(): void } {
    const callbacks = this.subscriptions.get(subject) ?? new Set();
    this.subscriptions.set(subject, callbacks.add(callback!));
    return {
      unsubscribe: () => {
        callbacks.delete(callback!);
        if (callbacks.size === 0) this.subscriptions.delete(subject);
      },
    };
  }

  /** Calls who has subscribed. */
  deliver(subject: string, error: Error | null, text = '', more: Partial<NatsMessage> = {}): void {
    for (const callback of [...(this.subscriptions.get(subject) ?? [])]) callback(error, messageOf(text, more));
  }

  async request(subject: string, payload = ''): Promise<NatsMessage> {
    this.asked.push(`${subject} ${payload}`);
    this.#asking++;
    try {
      return await this.#ask(subject, payload);
    } finally {
      this.#asking--;
    }
  }

  /** Whether an answer is due. */
  get isAsked(): boolean {
    return this.#asking > 0;
  }

  async #ask(subject: string, payload: string): Promise<NatsMessage> {
    const answer = (await this.answer(subject, payload)) ?? this.#answer(subject, payload);
    await Promise.resolve();
    return messageOf(typeof answer === 'string' ? answer : JSON.stringify(answer));
  }

  #answer(subject: string, payload: string): unknown {
    if (!subject.startsWith('$JS.API.')) return this.publish(subject, payload);
    const [, , kind, ...names] = subject.split('.');
    const question = JSON.parse(payload) as Question;
    const stream = this.streams.get(names.at(-1)!);
    if (names[0] === 'CREATE' && kind === 'STREAM') return this.#create(names[1]!, question as Stream['config']);
    if (stream === undefined) return { error: NO_STREAM };
    if (kind === 'CONSUMER') return this.#consume(stream, question.config!);
    if (names[0] === 'INFO') return infoOf(stream);
    const { seq = 0, next_by_subj: next, last_by_subj: last } = question;
    const message = next === undefined && last === undefined
      ? stream.messages.find((message) => message.seq === seq)
      : stream.messages.filter((message) => message.subject === (next ?? last) && message.seq >= seq)
        .at(next === undefined ? -1 : 0);
    return message === undefined ? { error: NO_MESSAGE } : { message };
  }

  #create(name: string, config: Stream['config']): unknown {
    const stream = { created: new Date(1e12 + this.streams.size).toISOString(), config, messages: [], last: 0 };
    this.streams.set(name, stream);
    return infoOf(stream);
  }

  /** What nobody takes is an error. */
  publish(subject: string, text: string): unknown {
    const [, stream] = [...this.streams].find(([, { config: { subjects } }]) => subjects.some((pattern) =>
      pattern === subject || (pattern.endsWith('>') && subject.startsWith(pattern.slice(0, -1))))) ?? [];
    if (stream === undefined) throw new Error(`no responders: '${subject}'`);
    const mine = stream.messages.filter((message) => message.subject === subject);
    const previous = mine.at(-1)?.seq ?? 0;
    const seq = ++stream.last;
    stream.messages.push({ subject, seq, data: Buffer.from(text).toString('base64') });
    const [oldest] = mine;
    if (mine.length === stream.config.max_msgs_per_subject) {
      stream.messages = stream.messages.filter((message) => message !== oldest);
    }
    if (this.isTelling) this.told(subject, seq, previous, text);
    return { stream: 'any', seq };
  }

  told(subject: string, seq: number, previous: number, text: string): void {
    const headers = { 'Nats-Sequence': String(seq), 'Nats-Last-Sequence': String(previous) };
    const get = (name: string): string => headers[name as keyof typeof headers];
    this.deliver(`twobyte.${subject}`, null, text, { headers: { get } });
  }

  #consume(stream: Stream, config: NonNullable<Question['config']>): unknown {
    const { opt_start_seq: start, filter_subject: subject, max_ack_pending: limit } = config;
    const all = stream.messages.filter((message) => message.subject === subject && message.seq >= start);
    for (const [index, { seq, data }] of all.slice(0, limit).entries()) {
      const reply = `${this.ack}.stream.consumer.1.${seq}.${index + 1}.0.${all.length - index - 1}`;
      this.deliver(config.deliver_subject, null, Buffer.from(data, 'base64').toString(), { reply });
    }
    return { num_pending: all.length };
  }
}

function infoOf({ created, config, messages, last }: Stream): unknown {
  const subjects: Record<string, number> = {};
  for (const { subject } of messages) subjects[subject] = (subjects[subject] ?? 0) + 1;
  return { created, config, state: { first_seq: messages[0]?.seq ?? last + 1, last_seq: last, subjects } };
}

function messageOf(text: string, more: Partial<NatsMessage> = {}): NatsMessage {
  return { string: () => text, ...more };
}
