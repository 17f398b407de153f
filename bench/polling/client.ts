// The clients of the study, on raw sockets: what they send is exactly as specified, and all bytes are counted there.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { constants, inflateRawSync } from 'node:zlib';
import { now } from './clock.js';
import { requestOf } from './requests.js';
import { NUMBER_OF_UPDATE, type Setting } from './setting.js';

/** What a client has used up. */
export interface Counters {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly requests: number;
  readonly wasted: number;
  readonly updates: number;
  /** Updates that a client which asks for the newest has never seen, because its polls were too late. */
  readonly skipped: number;
}

/** When what is measured begins and ends. */
export interface Timetable {
  /** When the first update is published, its number, and the interval of those that follow, in milliseconds. */
  readonly first: number;
  readonly firstNumber: number;
  readonly interval: number;
  /** The number of the last that is published at all. */
  readonly lastNumber: number;
  /** For short polling: the time of the first measured poll of the first client, and how many polls are measured. */
  readonly from: number;
  readonly polls: number;
}

/** One client. Whatever it does not expect rejects `done`, and fails the run. */
export abstract class Client {
  protected readonly setting: Setting;
  protected readonly socket: Socket;
  protected readonly request: (after: number) => string;
  /** The number of the last update that has come. */
  last: number;
  protected timetable: Timetable | null = null;
  /** Milliseconds from the timetable's publishing to the arrival here, of each measured update. */
  readonly latencies: number[] = [];
  protected requests = 0;
  protected wasted = 0;
  #updates = 0;
  #skipped = 0;
  /** How many updates each reply has brought. */
  readonly replies: number[] = [];
  /** Measured polls that were sent later than the one behind them should have been. */
  late = 0;
  #start: Counters | null = null;
  #end: Counters | null = null;
  #settle!: () => void;
  #fail!: (error: unknown) => void;
  /** Fulfils once the last update has come and what is measured is over. */
  readonly done = new Promise<void>((resolve, reject) => {
    this.#settle = resolve;
    this.#fail = reject;
  });

  constructor(setting: Setting, port: number, last: number) {
    this.setting = setting;
    this.request = requestOf(setting, port);
    this.last = last;
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.done.catch(() => {});
    this.socket.on('data', (chunk: Buffer) => {
      try {
        this.receive(chunk);
      } catch (error) {
        this.#fail(error);
      }
    });
    this.socket.on('error', (error) => this.#fail(error));
    this.socket.on('close', () => {
      if (!this.isOver) this.#fail(new Error('the server has closed the connection of a client'));
    });
  }

  /** Connects, up to the point from which on an update can come. */
  async open(): Promise<void> {
    await once(this.socket, 'connect');
    await this.prepare();
  }

  /** What the client has used up within what is measured. */
  get measured(): Counters {
    const [start, end] = [this.#start!, this.#end!];
    return {
      bytesIn: end.bytesIn - start.bytesIn,
      bytesOut: end.bytesOut - start.bytesOut,
      requests: end.requests - start.requests,
      wasted: end.wasted - start.wasted,
      updates: end.updates - start.updates,
      skipped: end.skipped - start.skipped,
    };
  }

  /** Bytes until it could receive the first update. */
  opening: Pick<Counters, 'bytesIn' | 'bytesOut'> = { bytesIn: 0, bytesOut: 0 };

  begin(timetable: Timetable, share: number): void {
    this.timetable = timetable;
    this.start(timetable, share);
  }

  close(): void {
    this.isOver = true;
    this.socket.destroy();
  }

  protected isOver = false;
  protected abstract prepare(): Promise<void>;
  /** @param share of all clients that comes before this one: spreads the polls over their interval */
  protected abstract start(timetable: Timetable, share: number): void;
  protected abstract receive(chunk: Buffer): void;

  protected count(): Counters {
    const { bytesRead, bytesWritten } = this.socket;
    return {
      bytesIn: bytesRead, bytesOut: bytesWritten,
      requests: this.requests, wasted: this.wasted, updates: this.#updates, skipped: this.#skipped,
    };
  }

  protected startMeasuring(): void {
    this.#start = this.count();
    this.latencies.length = this.replies.length = this.late = 0;
  }

  protected get isMeasuring(): boolean {
    return this.#start !== null && this.#end === null;
  }

  protected stopMeasuring(): void {
    this.#end ??= this.count();
  }

  /** Settles `done` if there is nothing left to come. */
  protected settleIfDone(): void {
    if (this.#end !== null && this.last === this.timetable!.lastNumber) this.#settle();
  }

  /** Takes the updates of a text: each must be the one behind the last. */
  protected deliver(text: string): number {
    let count = 0;
    for (const [, digits] of text.matchAll(NUMBER_OF_UPDATE)) {
      const number = Number(digits);
      const { transport } = this.setting;
      if (transport === 'latest' && number > this.last) this.#skipped += number - this.last - 1;
      else if (number !== this.last + 1) throw new Error(`update ${number} came behind ${this.last} (${transport})`);
      this.last = number;
      count++;
      if (this.timetable === null) continue;
      this.#updates++;
      const { first, firstNumber, interval } = this.timetable;
      if (this.#end === null) this.latencies.push(now() - (first + (number - firstNumber) * interval));
    }
    return count;
  }
}

/** HTTP with a reply for each request; what is done with a reply is the subclass's. */
abstract class RequestingClient extends Client {
  #text = '';

  protected ask(): void {
    this.requests++;
    this.socket.write(this.request(this.last), 'latin1');
  }

  protected abstract receiveReply(body: string): void;

  protected receiveBatch(body: string): void {
    const count = this.deliver(body);
    if (count === 0) this.wasted++;
    if (this.isMeasuring) this.replies.push(count);
  }

  protected receive(chunk: Buffer): void {
    this.#text += chunk.toString('latin1');
    const end = this.#text.indexOf('\r\n\r\n');
    if (end === -1) return;
    const head = this.#text.slice(0, end);
    const status = head.slice(9, 12);
    if (status !== '200' && status !== '204' && status !== '304') throw new Error(`the server has answered: ${head}`);
    const length = status === '200' ? Number(/\r\nContent-Length: (\d+)/.exec(head)![1]) : 0;
    if (this.#text.length < end + 4 + length) return;
    const body = this.#text.slice(end + 4, end + 4 + length);
    if (this.#text.length > end + 4 + length) throw new Error('the server has sent more than was asked for');
    this.#text = '';
    this.receiveReply(body);
  }
}

class PollingClient extends RequestingClient {
  #isAsking = false;
  #polls = 0;
  #onReply: () => void = () => {};

  protected async prepare(): Promise<void> {
    this.#isAsking = true;
    await new Promise<void>((resolve) => {
      this.#onReply = resolve;
      this.ask();
    });
    this.#onReply = () => {};
  }

  protected start({ from, polls }: Timetable, share: number): void {
    const interval = this.setting.pollInterval!;
    // One poll comes before those that are measured, so that they find what is left over from one to the next.
    const time = (): number => from + (share + this.#polls - 1) * interval;
    const poll = (): void => {
      if (this.isOver) return;
      if (this.#isAsking) {
        // A late reply delays the next request, as there is one connection.
        this.#onReply = poll;
        return;
      }
      this.#onReply = () => {};
      if (this.#polls === 1) this.startMeasuring();
      if (this.#polls <= polls && now() - time() > interval) this.late++;
      if (this.#polls === polls + 1) {
        this.stopMeasuring();
        this.settleIfDone();
      }
      this.#polls++;
      this.#isAsking = true;
      this.ask();
      setTimeout(poll, time() - now());
    };
    setTimeout(poll, time() - now());
  }

  protected receiveReply(body: string): void {
    this.#isAsking = false;
    this.receiveBatch(body);
    if (this.timetable !== null) this.settleIfDone();
    this.#onReply();
  }
}

class LongPollingClient extends RequestingClient {
  protected async prepare(): Promise<void> {
    this.ask();
  }

  protected start(): void {
    this.startMeasuring();
  }

  protected receiveReply(body: string): void {
    this.receiveBatch(body);
    this.ask();
    if (this.last !== this.timetable?.lastNumber) return;
    this.stopMeasuring();
    this.settleIfDone();
  }
}

/** One request, and then only the server sends. */
abstract class PushedClient extends Client {
  #head: string | null = '';
  #onHead!: () => void;

  protected async prepare(): Promise<void> {
    const opened = new Promise<void>((resolve) => (this.#onHead = resolve));
    this.requests++;
    this.socket.write(this.request(this.last), 'latin1');
    await opened;
    this.opening = this.count();
  }

  protected start(): void {
    this.startMeasuring();
  }

  protected receive(chunk: Buffer): void {
    if (this.#head !== null) {
      this.#head += chunk.toString('latin1');
      if (!this.#head.includes('\r\n\r\n')) return;
      if (!/^HTTP\/1\.1 (?:101|200) /.test(this.#head)) throw new Error(`the server has answered: ${this.#head}`);
      if (!this.#head.endsWith('\r\n\r\n')) throw new Error('there was more behind the head');
      this.checkHead(this.#head);
      this.#head = null;
      this.#onHead();
      return;
    }
    this.receiveBody(chunk);
    if (this.last !== this.timetable?.lastNumber) return;
    this.stopMeasuring();
    this.settleIfDone();
  }

  protected checkHead(_head: string): void {}
  protected abstract receiveBody(chunk: Buffer): void;
}

class StreamingClient extends PushedClient {
  #text = '';

  protected receiveBody(chunk: Buffer): void {
    this.#text += chunk.toString('latin1');
    for (;;) {
      const end = this.#text.indexOf('\r\n');
      if (end === -1) return;
      const length = Number.parseInt(this.#text.slice(0, end), 16);
      if (this.#text.length < end + 2 + length + 2) return;
      const event = this.#text.slice(end + 2, end + 2 + length);
      this.#text = this.#text.slice(end + 2 + length + 2);
      // A comment carries nothing.
      if (event.startsWith(':')) continue;
      if (this.deliver(event) !== 1 || !event.startsWith(`id: ${this.last}\n`)) throw new Error(`an event: ${event}`);
    }
  }
}

class WebSocketClient extends PushedClient {
  #rest: Buffer = Buffer.alloc(0);
  /** The end of all messages, which a compressed one may refer to (RFC 7692 §7.2.2). */
  #window: Buffer = Buffer.alloc(0);

  protected override checkHead(head: string): void {
    const isDeflating = head.includes('Sec-WebSocket-Extensions: permessage-deflate');
    if (isDeflating !== (this.setting.transport === 'websocket-deflate')) throw new Error(`agreed otherwise: ${head}`);
  }

  protected receiveBody(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      if (bytes.length < 2) break;
      const short = bytes[1]!;
      if (short > 126) throw new Error('a server does not mask, and sends nothing so long here');
      const header = short === 126 ? 4 : 2;
      if (bytes.length < header) break;
      const length = short === 126 ? bytes.readUInt16BE(2) : short;
      if (bytes.length < header + length) break;
      this.#receiveFrame(bytes[0]!, bytes.subarray(header, header + length));
      bytes = bytes.subarray(header + length);
    }
    this.#rest = bytes;
  }

  #receiveFrame(first: number, payload: Buffer): void {
    if ((first & 0xbf) !== 0x81) throw new Error(`a frame begins with ${first.toString(16)}`);
    const text = first & 0x40 ? this.#inflate(payload).toString('latin1') : payload.toString('latin1');
    if (this.deliver(text) !== 1) throw new Error(`a message: ${text}`);
  }

  #inflate(payload: Buffer): Buffer {
    const options = { dictionary: this.#window, finishFlush: constants.Z_SYNC_FLUSH };
    const bytes = inflateRawSync(Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])]), options);
    this.#window = Buffer.concat([this.#window, bytes]).subarray(-32_768);
    return bytes;
  }
}

const classes = {
  'polling': PollingClient,
  'latest': PollingClient,
  'long-polling': LongPollingClient,
  'streaming': StreamingClient,
  'websocket': WebSocketClient,
  'websocket-deflate': WebSocketClient,
} as const;

export function createClient(setting: Setting, port: number, last: number): Client {
  return new classes[setting.transport](setting, port, last);
}
