// A connection of HTTP/2 of the load generator, with many streams: frames made by hand, and as little else as can be.
import { connect, type Socket } from 'node:net';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
// RFC 9113 §6, types and flags
const DATA = 0;
const HEADERS = 1;
const SETTINGS = 4;
const WINDOW_UPDATE = 8;
const ACK = 0x01;
const END_HEADERS = 0x04;
const INITIAL_WINDOW_SIZE = 4;
const HEAD_BYTES = 9;
const MAX_FRAME_BYTES = 16_384;
const FIRST_WINDOW = 65_535;
const LARGEST_WINDOW = 0x7fff_ffff;
/** What was received before the peer is given as much room again. */
const RENEWAL_BYTES = 1 << 30;
/** `:status: 200` of the static table (RFC 7541 §6.1). */
const STATUS_200 = 0x88;

const OPENING = {
  ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/', ':authority': '127.0.0.1',
  'sec-websocket-version': '13',
};

/** All sockets read into the same memory; it is looked at before the next one reads. */
const readBuffer = Buffer.allocUnsafeSlow(1 << 18);

/** The head of a frame, and room for its payload. */
function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes.set([type, flags], 3);
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, HEAD_BYTES);
  return bytes;
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Literal fields, none of them indexed (RFC 7541 §6.2.2). */
function literals(fields: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(Object.entries(fields).map(([name, value]) => {
    return Buffer.from(`\0${String.fromCharCode(name.length)}${name}${String.fromCharCode(value.length)}${value}`);
  }));
}

/** One WebSocket on a session: what `RawClient` is on a socket of its own. */
export class RawStream {
  readonly session: RawSession;
  readonly id: number;
  /** Told how many bytes came; they begin at the start of `received`. */
  onBytes: (received: Buffer, length: number) => void = () => {};
  onOpen: () => void = () => {};
  /** How much the peer lets it send. */
  window: number;
  /** What is still to be sent. */
  rest: Buffer = Buffer.alloc(0);
  /** Since the peer was given room. */
  received = 0;
  /** Bytes that fit one frame, and that frame: a burst is sent again and again. */
  #framed: { readonly bytes: Buffer; readonly frame: Buffer } | null = null;

  constructor(session: RawSession, id: number, window: number) {
    this.session = session;
    this.id = id;
    this.window = window;
  }

  get socket(): Socket {
    return this.session.socket;
  }

  /** Sends bytes; all that were sent before must have left. */
  write(bytes: Buffer): void {
    this.rest = bytes;
    this.session.send(this);
  }

  frameOf(bytes: Buffer): Buffer {
    if (this.#framed?.bytes !== bytes) this.#framed = { bytes, frame: frame(DATA, 0, this.id, bytes) };
    return this.#framed.frame;
  }
}

export class RawSession {
  readonly socket: Socket;
  readonly #streams = new Map<number, RawStream>();
  /** Those that wait for room at the peer. */
  readonly #waiting = new Set<RawStream>();
  #window = FIRST_WINDOW;
  #firstWindow = FIRST_WINDOW;
  #received = 0;
  #isCorked = false;
  /** Of the frame that is read: its head as far as it has come, its payload unless that is data, what is missing. */
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headBytes = 0;
  #payload: Buffer[] = [];
  #missing = 0;
  #onSettings: () => void = () => {};

  private constructor(port: number) {
    const onread = { buffer: readBuffer, callback: (length: number) => this.#receive(length) };
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true, onread: onread as never });
  }

  /** Connects, and waits for the server's settings (RFC 8441 §3). */
  static open(port: number): Promise<RawSession> {
    return new Promise((resolve, reject) => {
      const session = new RawSession(port);
      session.#onSettings = () => resolve(session);
      session.socket.on('error', reject).on('close', () => reject(new Error('the connection has ended')));
      session.socket.write(PREFACE);
      session.socket.write(frame(SETTINGS, 0, 0, Buffer.concat([Buffer.of(0, 4), number(LARGEST_WINDOW)])));
      session.socket.write(frame(WINDOW_UPDATE, 0, 0, number(LARGEST_WINDOW - FIRST_WINDOW)));
    });
  }

  /** Goes through the opening handshake. */
  openStream(): Promise<RawStream> {
    return new Promise((resolve) => {
      const stream = new RawStream(this, 2 * this.#streams.size + 1, this.#firstWindow);
      this.#streams.set(stream.id, stream);
      stream.onOpen = () => resolve(stream);
      this.socket.write(frame(HEADERS, END_HEADERS, stream.id, literals(OPENING)));
    });
  }

  /** Sends what the windows let through (RFC 9113 §5.2). */
  send(stream: RawStream): void {
    this.#cork();
    while (stream.rest.length > 0) {
      const length = Math.min(stream.rest.length, MAX_FRAME_BYTES, this.#window, stream.window);
      if (length <= 0) return void this.#waiting.add(stream);
      const isAll = length === stream.rest.length;
      const bytes = isAll ? stream.rest : stream.rest.subarray(0, length);
      this.socket.write(stream.frameOf(bytes));
      stream.rest = stream.rest.subarray(length);
      this.#window -= length;
      stream.window -= length;
    }
    this.#waiting.delete(stream);
  }

  /** All that one read leads to leaves in one write. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.socket.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      this.socket.uncork();
    });
  }

  #receive(length: number): boolean {
    let position = 0;
    while (position < length) {
      if (this.#headBytes < HEAD_BYTES) {
        const end = Math.min(length, position + HEAD_BYTES - this.#headBytes);
        this.#headBytes += readBuffer.copy(this.#head, this.#headBytes, position, end);
        position = end;
        if (this.#headBytes < HEAD_BYTES) return true;
        this.#missing = this.#head.readUIntBE(0, 3);
      }
      const end = Math.min(length, position + this.#missing);
      const bytes = readBuffer.subarray(position, end);
      this.#missing -= bytes.length;
      position = end;
      if (this.#head[3] === DATA) this.#receiveData(bytes);
      else if (bytes.length > 0) this.#payload.push(Buffer.from(bytes));
      if (this.#missing > 0) return true;
      if (this.#head[3] !== DATA) this.#receiveFrame(Buffer.concat(this.#payload));
      this.#payload = [];
      this.#headBytes = 0;
    }
    return true;
  }

  #receiveData(bytes: Buffer): void {
    const stream = this.#streams.get(this.#head.readUInt32BE(5))!;
    this.#received += bytes.length;
    stream.received += bytes.length;
    if (this.#received >= RENEWAL_BYTES) {
      this.socket.write(frame(WINDOW_UPDATE, 0, 0, number(this.#received)));
      this.#received = 0;
    }
    if (stream.received >= RENEWAL_BYTES) {
      this.socket.write(frame(WINDOW_UPDATE, 0, stream.id, number(stream.received)));
      stream.received = 0;
    }
    stream.onBytes(bytes, bytes.length);
  }

  #receiveFrame(payload: Buffer): void {
    const [type, flags] = this.#head.subarray(3);
    const id = this.#head.readUInt32BE(5);
    const stream = this.#streams.get(id);
    if (type === SETTINGS && !(flags & ACK)) {
      this.#firstWindow = firstWindowOf(payload) ?? this.#firstWindow;
      this.socket.write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
      this.#onSettings();
    } else if (type === WINDOW_UPDATE) {
      if (stream === undefined) this.#window += payload.readUInt32BE();
      else stream.window += payload.readUInt32BE();
      for (const each of this.#waiting) this.send(each);
    } else if (type === HEADERS && payload[0] === STATUS_200) {
      stream!.onOpen();
    } else if (type !== SETTINGS) {
      throw new Error(`a frame of type ${type} on stream ${id}: ${payload.toString('hex')}`);
    }
  }
}

function firstWindowOf(settings: Buffer): number | null {
  for (let position = 0; position < settings.length; position += 6) {
    if (settings.readUInt16BE(position) === INITIAL_WINDOW_SIZE) return settings.readUInt32BE(position + 2);
  }
  return null;
}

/** Opens so many streams, spread over so many sessions. */
export async function openStreams(count: number, sessionCount: number, port: number): Promise<RawStream[]> {
  const sessions: RawSession[] = [];
  while (sessions.length < sessionCount) sessions.push(await RawSession.open(port));
  const streams: RawStream[] = [];
  while (streams.length < count) streams.push(await sessions[streams.length % sessionCount].openStream());
  return streams;
}
