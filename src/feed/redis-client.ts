// What the log needs of Redis, by a client of the package `redis` or `ioredis`: neither is a dependency.
import { LogError } from '../errors.js';

/** A client of the package `redis`, from version 5 on. */
interface NodeRedis {
  readonly isReady: boolean;
  /** `false` once it has given up. */
  readonly isOpen: boolean;
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
  /** `ready` while it is connected, `end` once it has given up. */
  readonly status: string;
  disconnect(): void;
  call(command: string, ...parameters: string[]): Promise<unknown>;
  duplicate(options: object): IoRedis;
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
  /** No messages come, and time alone won't mend that. */
  fail(error: LogError): void;
}

/** What Redis answers with an error begins with a word in capitals; these pass by themselves. */
const REFUSAL = /^(?!(?:LOADING|BUSY|CLUSTERDOWN|MASTERDOWN|READONLY|TRYAGAIN) )[A-Z]{2,} /;

/** Milliseconds between two attempts to subscribe to what was refused. */
const RETRY_TIME = 5000;

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
  readonly #scripts = new Map<string, string>();
  readonly #subscribers = new Map<string, Set<Subscriber>>();
  /** Whether the client has connected, maybe more than once. */
  #wasConnected: boolean;
  #reading: NodeRedis | IoRedis | null = null;
  #isReady = false;

  constructor(client: object) {
    if (!('duplicate' in client)) throw new TypeError('the client of redisLog is one of the package redis or ioredis');
    this.#client = client as NodeRedis | IoRedis;
    this.#wasConnected = isReady(this.#client);
  }

  /**
   * Asks a question. Without a connection, each reader that asks again would leave one more in the client's line.
   * @throws an error (as rejection) while there is none any more; else as `command`.
   */
  async ask(...command: [name: string, ...parameters: string[]]): Promise<unknown> {
    const client = this.#client;
    const isAway = this.#wasConnected && !isReady(client) && !hasGivenUp(client);
    if (isAway) throw new Error('there is no connection to Redis');
    return this.command(...command);
  }

  /** @throws LogError (as rejection) if Redis refuses it, or the client has given up; else the client's own error. */
  async command(...command: [name: string, ...parameters: string[]]): Promise<unknown> {
    try {
      return await this.#send(command);
    } catch (error) {
      throw lasting(error, this.#client) ?? error;
    }
  }

  #send(command: [name: string, ...parameters: string[]]): Promise<unknown> {
    const client = this.#client;
    this.#wasConnected ||= isReady(client);
    return 'call' in client ? client.call(...command) : client.sendCommand(command);
  }

  /** Runs a script on one key. @returns `null` if Redis does not know it, or not any more, as after a restart. */
  async run(script: string, key: string, ...parameters: string[]): Promise<unknown> {
    const name = this.#scripts.get(script);
    if (name === undefined) return null;
    try {
      return await this.#send(['EVALSHA', name, '1', key, ...parameters]);
    } catch (error) {
      if (!String(error).includes('NOSCRIPT')) throw lasting(error, this.#client) ?? error;
      this.#scripts.delete(script);
      return null;
    }
  }

  /** Makes Redis know a script. */
  async load(script: string): Promise<void> {
    this.#scripts.set(script, (await this.command('SCRIPT', 'LOAD', script)) as string);
  }

  /** @returns what ends it. */
  subscribe(channel: string, subscriber: Subscriber): () => void {
    this.#reading ??= this.#openReading();
    let subscribers = this.#subscribers.get(channel);
    if (subscribers === undefined) {
      this.#subscribers.set(channel, (subscribers = new Set()));
      if (this.#isReady) this.#listen(this.#reading, channel);
    } else if (this.#isReady) {
      subscriber.ready();
    }
    subscribers.add(subscriber);
    return () => {
      subscribers.delete(subscriber);
      if (subscribers.size > 0) return;
      this.#subscribers.delete(channel);
      if (this.#subscribers.size === 0) this.#closeReading();
      // A connection that is lost has no subscriptions.
      else void this.#reading?.unsubscribe(channel).catch(() => {});
    };
  }

  #openReading(): NodeRedis | IoRedis {
    const client = this.#client;
    // What ioredis subscribes to again by itself, and is refused, would be an unhandled rejection.
    const reading = 'call' in client ? client.duplicate({ autoResubscribe: false }) : client.duplicate();
    // Each tells of lost connections by errors, and connects again, or gives up.
    const notice = (error?: unknown): void => {
      if (reading === this.#reading) this.#notice(lasting(error, reading), reading);
    };
    reading.on('error', notice);
    reading.on('end', notice);
    reading.on('ready', () => {
      this.#isReady = true;
      for (const channel of this.#subscribers.keys()) this.#listen(reading, channel);
    });
    if ('call' in reading) reading.on('message', (channel: string, message: string) => this.#receive(channel, message));
    else void reading.connect().catch(() => {});
    return reading;
  }

  #notice(error: LogError | null, reading: NodeRedis | IoRedis): void {
    if (error === null) return;
    for (const channel of this.#subscribers.keys()) this.#fail(channel, error);
    if (!hasGivenUp(reading)) return;
    this.#reading = null;
    this.#isReady = false;
    setTimeout(() => {
      if (this.#subscribers.size > 0) this.#reading ??= this.#openReading();
    }, RETRY_TIME).unref();
  }

  /** It would keep a process alive that has nothing more to do. */
  #closeReading(): void {
    const reading = this.#reading;
    this.#reading = null;
    this.#isReady = false;
    if (reading === null) return;
    if ('destroy' in reading) reading.destroy();
    else reading.disconnect();
  }

  #listen(reading: NodeRedis | IoRedis, channel: string): void {
    const receive = (message: string): void => this.#receive(channel, message);
    // One that connects again has its listeners still.
    const subscribed = 'call' in reading
      ? reading.subscribe(channel)
      : reading.unsubscribe(channel).then(() => reading.subscribe(channel, receive));
    const ready = (): void => this.#subscribers.get(channel)?.forEach((subscriber) => subscriber.ready());
    subscribed.then(ready, (cause: unknown) => {
      const error = lasting(cause, reading);
      // If the connection is lost, there will be another.
      if (error === null || reading !== this.#reading) return;
      this.#fail(channel, error);
      setTimeout(() => {
        if (reading === this.#reading && this.#subscribers.has(channel)) this.#listen(reading, channel);
      }, RETRY_TIME).unref();
    });
  }

  #receive(channel: string, message: string): void {
    this.#subscribers.get(channel)?.forEach((subscriber) => subscriber.receive(message));
  }

  #fail(channel: string, error: LogError): void {
    this.#subscribers.get(channel)?.forEach((subscriber) => subscriber.fail(error));
  }
}

/** The error if it will not pass by itself, else `null`. */
function lasting(error: unknown, client: NodeRedis | IoRedis): LogError | null {
  const { message = '' } = Object(error) as { message?: string };
  const options = { cause: error };
  if (REFUSAL.test(message)) return new LogError(`Redis refuses what redisLog needs: ${message}`, options);
  if (!hasGivenUp(client)) return null;
  return new LogError('the client of redisLog is not connected: connect it, and let it never give up', options);
}

function isReady(client: NodeRedis | IoRedis): boolean {
  return 'call' in client ? client.status === 'ready' : client.isReady;
}

function hasGivenUp(client: NodeRedis | IoRedis): boolean {
  return 'call' in client ? client.status === 'end' : !client.isOpen;
}
