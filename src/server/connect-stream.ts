// One extended CONNECT of HTTP/2: taken to its route, its stream becomes a WebSocket's or gets the reply (RFC 8441 §5).
import type { ServerHttp2Stream } from 'node:http2';
import type { HttpError } from '../errors.js';
import { chosenFields } from '../handshake/server.js';
import type { RequestHead } from '../http/request-head.js';
import { cut } from '../stream/cut.js';
import { serveExchange } from './dispatch.js';
import { Exchange, type AcceptedStream, type ExchangeConnection } from './exchange.js';
import type { HttpContext, OpenExchange } from './http-connection.js';
import { unreadRequest } from './refusal.js';
import { toRefusal, type Response } from './reply.js';

/** Milliseconds that a client has to read a refusal. */
const REFUSAL_TIME = 2000;

/** RFC 9113 §8.2.2: an endpoint "MUST NOT generate an HTTP/2 message containing connection-specific header fields". */
const CONNECTION_FIELDS = ['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade'];

const NOTHING = Buffer.alloc(0);

const ignore = (): void => {};

export class ConnectStream implements ExchangeConnection, OpenExchange {
  readonly socket: ServerHttp2Stream;
  readonly context: HttpContext;
  readonly remoteAddress: string;
  readonly bytesReadBefore = 0;
  readonly bytesWrittenBefore = 0;
  /** It ends with the answer, which is under way. */
  readonly close = ignore;
  /** A request that opens a WebSocket has no body. */
  readonly readBytes = ignore;
  readonly sendContinue = ignore;
  #exchange: Exchange | null = null;
  #timer: NodeJS.Timeout | undefined;
  /** The stream is gone. */
  readonly #conclude = (): void => {
    this.context.httpConnections.delete(this);
    clearTimeout(this.#timer);
    this.#exchange?.leave();
  };

  /** @param parse throws HttpError for a request that is invalid here. */
  constructor(stream: ServerHttp2Stream, context: HttpContext, parse: () => RequestHead) {
    this.socket = stream;
    this.context = context;
    this.remoteAddress = stream.session?.socket.remoteAddress ?? '';
    context.httpConnections.add(this);
    // What follows the head waits until a connection listens: the stream's window bounds it.
    stream.on('error', ignore).on('close', this.#conclude);
    try {
      this.#exchange = new Exchange(parse(), this);
    } catch (error) {
      this.#refuse(error as HttpError);
      return;
    }
    serveExchange(this.#exchange, context, (response) => this.#reply(response));
  }

  #refuse(error: HttpError): void {
    this.context.onRefuse(error, unreadRequest(this.remoteAddress));
    void this.#reply(toRefusal(error));
  }

  /** Only a refusal is ever replied, so there is no body but text. */
  async #reply({ status, headers, body }: Response): Promise<void> {
    const stream = this.socket;
    if (stream.destroyed) return;
    this.#timer = setTimeout(() => cut(stream), REFUSAL_TIME);
    // RFC 9113 §8.1: what the client still sends for the request isn't wanted, which is no error.
    stream.once('finish', () => stream.close());
    const fields = headers.filter(([name]) => !CONNECTION_FIELDS.includes(name.toLowerCase()));
    this.#respond(status, fields);
    stream.end(body);
  }

  #respond(status: number, fields: readonly [name: string, value: string][]): void {
    this.socket.respond({ ...Object.fromEntries(fields), ':status': status });
  }

  accept(_key: string, subprotocol: string | null, extensions: string): AcceptedStream | null {
    const stream = this.socket;
    if (stream.destroyed) return null;
    stream.off('close', this.#conclude);
    this.context.httpConnections.delete(this);
    this.#respond(200, chosenFields(subprotocol, extensions));
    return { stream, firstBytes: NOTHING };
  }
}
