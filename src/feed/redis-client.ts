// What the log needs of Redis, by a client of the package `redis` or `ioredis`: neither is a dependency.

/** A client of the package `redis`, from version 5 on. */
interface NodeRedis {
  destroy(): void;
  sendCommand(command: string[]): Promise<unknown>;
  duplicate(): NodeRedis;
  connect(): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  on(event: string, listener: (...values: never[]) => void): unknown;
}

/** A client of the package `ioredis`. */
interface IoRedis {
  disconnect(): void;
  call(command: string, ...parameters: string[]): Promise<unknown>;
  duplicate(): IoRedis;
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  on(event: string, listener: (...values: never[]) => void): unknown;
}

/** A client of the package `redis` or `ioredis`, connected or connecting. */
export type RedisClient = object;

export interface Subscriber {
  receive(message: string): void;
  /** Messages come from now on: for the first time, or after some may have been lost. */
  ready(): void;
}

const connections = new WeakMap<object, Redis>();

/** The one for a client: all logs share its second connection. */
export function redisOf(client: RedisClient): Redis {
  let redis = connections.get(client);
  if (redis === undefined) connections.set(client, (redis = new Redis(client)));
  return redis;
}

export class Redis {
  readonly #client: NodeRedis | IoRedis;
  /** By script, what Redis knows it by. */
  readonly #scripts = new Map<string, Promise<string>>();
  readonly #subscribers = new Map<string, Set<Subscriber>>();
  #reading: NodeRedis | IoRedis | null = null;
  #isReady = false;

  constructor(client: object) {
    if (!('duplicate' in client)) throw new TypeError('the client of redisLog is one of the package redis or ioredis');
    this.#client = client as NodeRedis | IoRedis;
  }

  command(...command: [name: string, ...parameters: string[]]): Promise<unknown> {
    const client = this.#client;
    return 'call' in client ? client.call(...command) : client.sendCommand(command);
  }

  /** Runs a script on one key. */
  async run(script: string, key: string, ...parameters: string[]): Promise<string> {
    return this.#evaluate(script, [key, ...parameters], true);
  }

  async #evaluate(script: string, values: readonly string[], mayForget: boolean): Promise<string> {
    let name = this.#scripts.get(script);
    if (name === undefined) {
      name = this.command('SCRIPT', 'LOAD', script) as Promise<string>;
      this.#scripts.set(script, name);
    }
    try {
      return (await this.command('EVALSHA', await name, '1', ...values)) as string;
    } catch (error) {
      // A load that has failed must be tried again; after a restart, Redis knows no scripts.
      this.#scripts.delete(script);
      if (!mayForget || !String(error).includes('NOSCRIPT')) throw error;
      return this.#evaluate(script, values, false);
    }
  }

  /** @returns what ends it. */
  subscribe(channel: string, subscriber: Subscriber): () => void {
    const reading = (this.#reading ??= this.#openReading());
    let subscribers = this.#subscribers.get(channel);
    if (subscribers === undefined) {
      this.#subscribers.set(channel, (subscribers = new Set()));
      if (this.#isReady) this.#listen(reading, channel);
    } else if (this.#isReady) {
      subscriber.ready();
    }
    subscribers.add(subscriber);
    return () => {
      subscribers.delete(subscriber);
      if (subscribers.size > 0) return;
      this.#subscribers.delete(channel);
      if (this.#subscribers.size === 0) return this.#closeReading(reading);
      // A connection that is lost has no subscriptions.
      void reading.unsubscribe(channel).catch(() => {});
    };
  }

  #openReading(): NodeRedis | IoRedis {
    const reading = this.#client.duplicate();
    // Each tells of lost connections by errors, and connects again; whoever publishes hears of it.
    reading.on('error', () => {});
    reading.on('ready', () => {
      this.#isReady = true;
      for (const channel of this.#subscribers.keys()) this.#listen(reading, channel);
    });
    if ('call' in reading) reading.on('message', (channel: string, message: string) => this.#receive(channel, message));
    else void reading.connect().catch(() => {});
    return reading;
  }

  /** It would keep a process alive that has nothing more to do. */
  #closeReading(reading: NodeRedis | IoRedis): void {
    this.#reading = null;
    this.#isReady = false;
    if ('destroy' in reading) reading.destroy();
    else reading.disconnect();
  }

  #listen(reading: NodeRedis | IoRedis, channel: string): void {
    const receive = (message: string): void => this.#receive(channel, message);
    // One that connects again has its listeners still.
    const subscribed = 'call' in reading
      ? reading.subscribe(channel)
      : reading.unsubscribe(channel).then(() => reading.subscribe(channel, receive));
    // If it fails, the connection is lost, and there will be another.
    const ready = (): void => this.#subscribers.get(channel)?.forEach((subscriber) => subscriber.ready());
    subscribed.then(ready, () => {});
  }

  #receive(channel: string, message: string): void {
    this.#subscribers.get(channel)?.forEach((subscriber) => subscriber.receive(message));
  }
}
