// A TCP proxy on the loopback interface that does at one byte of one direction what a bad network does there.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';

export const directions = ['toServer', 'toClient'] as const;
export type Direction = (typeof directions)[number];

/** What happens once a direction has passed on so many bytes. */
export interface Fault {
  readonly direction: Direction;
  readonly place: number;
  /**
   * - `end`: the receiver sees the end of the stream, and what else is sent to it is lost; the other direction goes on.
   * - `reset`: both connections are reset at once. Node may tell a receiver that had bytes to read of an end instead.
   * - `lateReset`: both are reset in a later turn of the event loop, when the bytes were read.
   * - `hold`: nothing more is passed on or read until `release()`.
   * - `split`: the rest is passed on in a later turn of the event loop.
   */
  readonly action: 'end' | 'reset' | 'lateReset' | 'hold' | 'split';
}

/** Listens for clients and connects each to the server: `await using proxy = await FaultProxy.listen(port)`. */
export class FaultProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #faults: readonly Fault[] = [];
  #take: (link: Link) => void = () => {};

  /** @param target the port of the server */
  static async listen(target: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  private constructor(target: number) {
    const options = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true };
    this.#server = createServer(options, (client) => {
      const server = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      const link = new Link(client, server, this.#faults);
      this.#links.add(link);
      void link.gone.then(() => this.#links.delete(link));
      this.#faults = [];
      this.#take(link);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What the next connection suffers, and that connection. */
  expect(...faults: Fault[]): Promise<Link> {
    this.#faults = faults;
    return new Promise((resolve) => (this.#take = resolve));
  }

  /** Cuts all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const link of this.#links) link.cut();
    await closed;
  }
}

/** The connection of one client through the proxy. */
export class Link implements Readonly<Record<Direction, Half>> {
  readonly toServer: Half;
  readonly toClient: Half;
  /** Fulfils once nothing is left of it. */
  readonly gone: Promise<void>;
  readonly #sockets: readonly Socket[];

  constructor(client: Socket, server: Socket, faults: readonly Fault[]) {
    const faultOf = (direction: Direction): Fault | null => faults.find((one) => one.direction === direction) ?? null;
    const reset = (): void => this.cut();
    this.#sockets = [client, server];
    const closings = this.#sockets.map((socket) => new Promise((resolve) => socket.on('close', resolve)));
    this.gone = Promise.all(closings).then(() => {});
    for (const socket of this.#sockets) socket.on('error', reset);
    this.toServer = new Half(client, server, faultOf('toServer'), reset);
    this.toClient = new Half(server, client, faultOf('toClient'), reset);
    server.on('connect', () => {
      void this.toServer.start();
      void this.toClient.start();
    });
  }

  /** Resets both connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }
}

/** One direction of a connection. */
export class Half {
  /** What has been passed on. */
  passed = Buffer.alloc(0);
  /** Fulfils when the fault has happened. */
  readonly struck: Promise<void>;
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #fault: Fault | null;
  readonly #reset: () => void;
  #strike!: () => void;
  #release: () => void = () => {};

  constructor(from: Socket, to: Socket, fault: Fault | null, reset: () => void) {
    this.struck = new Promise((resolve) => (this.#strike = resolve));
    this.#from = from;
    this.#to = to;
    this.#fault = fault;
    this.#reset = reset;
  }

  /** Lets go what is held. */
  release(): void {
    this.#release();
  }

  async start(): Promise<void> {
    try {
      await this.#reach(0);
      for await (const chunk of this.#from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        await this.#forward(chunk);
      }
      this.#to.end();
    } catch {
      // Whatever went wrong with a socket has cut both.
    }
  }

  async #forward(chunk: Buffer): Promise<void> {
    const place = this.#fault?.place ?? Infinity;
    const { length } = this.passed;
    if (length >= place || length + chunk.length < place) return await this.#pass(chunk);
    await this.#pass(chunk.subarray(0, place - length));
    await this.#reach(place);
    await this.#pass(chunk.subarray(place - length));
  }

  async #pass(bytes: Buffer): Promise<void> {
    if (bytes.length === 0 || !this.#to.writable) return;
    this.passed = Buffer.concat([this.passed, bytes]);
    await new Promise<void>((resolve, reject) => {
      this.#to.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  async #reach(place: number): Promise<void> {
    if (this.#fault?.place !== place) return;
    const { action } = this.#fault;
    if (action === 'end') this.#to.end();
    if (action === 'split' || action === 'lateReset') for (let turn = 0; turn < 3; turn++) await nextTurn();
    if (action === 'reset' || action === 'lateReset') this.#reset();
    const released = new Promise<void>((resolve) => (this.#release = resolve));
    this.#strike();
    if (action === 'hold') await released;
  }
}
