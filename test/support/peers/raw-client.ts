// A peer that speaks bytes: a TCP socket with a hand-written handshake and the naive frame codec.
import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { decodeFirst, encodeNaive, type DecodedFrame } from '../codec/naive-codec.js';

/** An HTTP response, parsed by hand. Names of header fields are in lower case, repeated fields are joined by `, `. */
export interface RawResponse {
  readonly status: number;
  readonly reason: string;
  readonly headers: ReadonlyMap<string, string>;
  /** The head as it came, up to and with the empty line. */
  readonly head: string;
  /** The body without its chunked coding. */
  readonly body: Buffer;
}

/** Header fields that replace those of `upgradeRequest` or are added; `null` leaves one out. */
export type FieldChanges = Readonly<Record<string, string | null>>;

/** The key of RFC 6455 §1.3, and the answer that the section computes for it. */
export const SAMPLE_KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
export const SAMPLE_ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

/** The masking key of the masked frames in RFC 6455 §5.7. */
export const SAMPLE_MASKING_KEY = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);

/** How long to wait for bytes, in milliseconds: longer than any machine needs, shorter than a test may take. */
const PATIENCE = 60_000;

/** The text of an opening handshake (RFC 6455 §4.1) with the key of §1.3. */
export function upgradeRequest(path: string, changes: FieldChanges = {}): string {
  const fields = new Map<string, string | null>([
    ['Host', '127.0.0.1'],
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Key', SAMPLE_KEY],
    ['Sec-WebSocket-Version', '13'],
  ]);
  for (const [name, value] of Object.entries(changes)) fields.set(name, value);
  const lines = [...fields].filter(([, value]) => value !== null).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** Sends one request as it is on a connection of its own, and returns the response to it. */
export async function httpRequest(target: number | NetConnectOpts, text: string): Promise<RawResponse> {
  await using client = await RawClient.connect(target);
  client.write(text);
  return await client.readResponse(text.slice(0, text.indexOf(' ')));
}

/**
 * One end of a connection whose every byte the test decides: `await using client = await RawClient.connect(port)`.
 * Whatever is read is taken from the front of what has come; a wait that is not fulfilled in time fails and tells what
 * had come. The `socket` is there for what needs it: `pause()`, `end()`, `resetAndDestroy()`.
 */
export class RawClient {
  readonly socket: Socket;
  /** What has come; `#start` to `#end` is still to be read. */
  #memory = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  #hasEnded = false;
  #error: Error | null = null;
  #wake: () => void = () => {};

  /** @param socket a connected socket, such as one that a test's own server has accepted */
  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#append(chunk);
      this.#wake();
    });
    socket.on('error', (error) => {
      this.#error = error;
    });
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.#hasEnded = true;
        this.#wake();
      });
    }
  }

  /**
   * Connects over TCP, or to a Unix socket with `{ path }`.
   * The connection may stay half-open: it is the test that ends it.
   */
  static async connect(target: number | NetConnectOpts): Promise<RawClient> {
    const options = typeof target === 'number' ? { port: target, host: '127.0.0.1' } : target;
    const socket = connect({ allowHalfOpen: true, ...options });
    await once(socket, 'connect');
    socket.setNoDelay();
    return new RawClient(socket);
  }

  /** What broke the connection, such as `ECONNRESET`; `null` as long as nothing did. */
  get error(): Error | null {
    return this.#error;
  }

  /** All that has come and was not read yet. */
  get received(): Buffer {
    return this.#memory.subarray(this.#start, this.#end);
  }

  /** Sends bytes, or text of one byte per character. */
  write(bytes: Uint8Array | string): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Reads exactly so many bytes. */
  async readBytes(count: number): Promise<Buffer> {
    return await this.#take(`${count} bytes`, ({ length }) => (length >= count ? count : null));
  }

  /** Reads up to and with the marker. */
  async readUntil(marker: string): Promise<Buffer> {
    return await this.#take(JSON.stringify(marker), (received) => {
      const index = received.indexOf(marker, 0, 'latin1');
      return index < 0 ? null : index + marker.length;
    });
  }

  /** Reads all until the other end has ended the connection, or broken it: see `error`. */
  async readToEnd(): Promise<Buffer> {
    return await this.#take('the end', ({ length }) => (this.#hasEnded ? length : null));
  }

  /**
   * Reads one response with its body (RFC 9112 §6.3).
   * @param method of the request: the response to HEAD has no body
   */
  async readResponse(method = 'GET'): Promise<RawResponse> {
    const head = (await this.readUntil('\r\n\r\n')).toString('latin1');
    const [statusLine = '', ...lines] = head.slice(0, -4).split('\r\n');
    const match = /^HTTP\/1\.1 ([1-5]\d\d) ([ -~]*)$/.exec(statusLine);
    if (!match) throw new Error(`this is no status line: ${JSON.stringify(statusLine)}`);
    const status = Number(match[1]);
    const headers = parseFields(lines);
    const hasBody = method !== 'HEAD' && status >= 200 && status !== 204 && status !== 304;
    const body = hasBody ? await this.#readBody(headers) : Buffer.alloc(0);
    return { status, reason: match[2] ?? '', headers, head, body };
  }

  async #readBody(headers: ReadonlyMap<string, string>): Promise<Buffer> {
    const length = headers.get('content-length');
    const coding = headers.get('transfer-encoding');
    if (length !== undefined && coding !== undefined) throw new Error('both Content-Length and Transfer-Encoding');
    if (coding !== undefined && coding !== 'chunked') throw new Error(`unknown transfer coding: ${coding}`);
    if (coding !== undefined) return await this.#readChunkedBody();
    if (length === undefined) return await this.readToEnd();
    if (!/^\d+$/.test(length)) throw new Error(`this is no Content-Length: ${length}`);
    return await this.readBytes(Number(length));
  }

  async #readChunkedBody(): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (;;) {
      const size = (await this.readUntil('\r\n')).toString('latin1').slice(0, -2);
      if (!/^[0-9a-fA-F]+$/.test(size)) throw new Error(`this is no chunk size: ${JSON.stringify(size)}`);
      const part = await this.readBytes(Number.parseInt(size, 16));
      const end = (await this.readBytes(2)).toString('latin1');
      if (end !== '\r\n') throw new Error(`a chunk ends with CRLF, not ${JSON.stringify(end)}`);
      if (part.length === 0) return Buffer.concat(parts);
      parts.push(part);
    }
  }

  /**
   * Performs the opening handshake of RFC 6455 §1.3; fails if the answer is not 101 with the right accept value.
   * To see a refusal, use `httpRequest(port, upgradeRequest(path, changes))`.
   */
  async upgrade(path: string, changes: FieldChanges = {}): Promise<RawResponse> {
    this.write(upgradeRequest(path, changes));
    const response = await this.readResponse();
    const accept = response.headers.get('sec-websocket-accept');
    if (response.status !== 101 || accept !== SAMPLE_ACCEPT) {
      throw new Error(`the upgrade failed:\n${response.head}${response.body.toString('latin1')}`);
    }
    return response;
  }

  /**
   * Sends one frame.
   * @param payload text is sent as UTF-8
   * @param frame.fin `true` unless set
   * @param frame.rsv1 `false` unless set
   * @param frame.maskingKey the key of RFC 6455 §5.7 unless set; `null` sends the frame unmasked, as a server does
   */
  sendFrame(
    opcode: number,
    payload: Uint8Array | string,
    frame: { readonly fin?: boolean; readonly rsv1?: boolean; readonly maskingKey?: Uint8Array | null } = {},
  ): void {
    const { maskingKey = SAMPLE_MASKING_KEY, ...bits } = frame;
    this.write(encodeNaive({ ...bits, opcode, payload: Buffer.from(payload), maskingKey: maskingKey ?? undefined }));
  }

  /** Reads one frame. */
  async readFrame(): Promise<DecodedFrame> {
    const bytes = await this.#take('a frame', (received) => decodeFirst(received)?.length ?? null);
    const first = decodeFirst(bytes);
    if (!first) throw new Error('unreachable: these bytes were a whole frame');
    return first.frame;
  }

  /** Cuts the connection, and waits until nothing is left of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.closed) return;
    const closed = once(this.socket, 'close');
    this.socket.destroy();
    await closed;
  }

  #append(chunk: Buffer): void {
    if (this.#end + chunk.length > this.#memory.length) {
      // New memory, because what was read still looks at the old.
      const { received } = this;
      this.#memory = Buffer.alloc(2 * (received.length + chunk.length));
      this.#memory.set(received);
      this.#start = 0;
      this.#end = received.length;
    }
    this.#memory.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  async #take(what: string, measure: (received: Buffer) => number | null): Promise<Buffer> {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      const { received } = this;
      const length = measure(received);
      if (length !== null) {
        this.#start += length;
        return received.subarray(0, length);
      }
      const cause = this.#hasEnded ? 'the connection ended' : Date.now() >= deadline ? `${PATIENCE} ms passed` : null;
      if (cause) throw new Error(`${cause} before ${what}; received ${show(received)}`, { cause: this.#error });
      await this.#change(deadline - Date.now());
    }
  }

  /** Settles when something has come, the end too, or after so many milliseconds. */
  async #change(patience: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patience);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function parseFields(lines: string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?(.*)$/.exec(line);
    if (!match) throw new Error(`this is no header field: ${JSON.stringify(line)}`);
    const [, name = '', value = ''] = match;
    const previous = fields.get(name.toLowerCase());
    fields.set(name.toLowerCase(), previous === undefined ? value : `${previous}, ${value}`);
  }
  return fields;
}

function show(bytes: Buffer): string {
  const shown = bytes.subarray(0, 512);
  const more = bytes.length > shown.length ? ' …' : '';
  return `${bytes.length} bytes: ${shown.toString('hex')} = ${JSON.stringify(shown.toString('latin1'))}${more}`;
}
