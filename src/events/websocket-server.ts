// Takes upgrades as the package ws's WebSocketServer with `noServer` does, for libraries that are given one.
import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { resolveLimits } from '../connection/limits.js';
import { HandshakeError } from '../errors.js';
import { isToken, listElements } from '../http/fields.js';
import { upgrade } from '../server/upgrade.js';
import { requireWebSocket, type WebSocketOptions } from '../server/websocket.js';
import { ConnectionEmitter } from './emitter.js';

/** The options of `requireWebSocket`, and those of ws that libraries set. */
export interface WebSocketServerOptions extends WebSocketOptions<any> {
  /** There is no other way: a server of `node:http` gives its upgrades to `handleUpgrade`. */
  noServer?: true;
  /** Whether `clients` has the open sockets. Default `true`. */
  clientTracking?: boolean;
  /** What `maxMessageBytes` is here. */
  maxPayload?: number;
  /** What `deflate` is here; `threshold` counts, the rest of its object doesn't. */
  perMessageDeflate?: boolean | { readonly threshold?: number };
  /** Without effect: the fragments of a message are kept in one piece of memory, however many they are. */
  maxBufferedChunks?: number | undefined;
  /** Without effect, for the same reason. */
  maxFragments?: number | undefined;
  /** Selects one of the subprotocols that the client offers, or none by `false`; instead of `subprotocols`. */
  handleProtocols?: (offered: Set<string>, request: IncomingMessage) => string | false;
}

/** The caller of `handleUpgrade` emits `'connection'`, as with ws; this class emits `'close'` alone. */
interface ServerEvents {
  connection: [socket: ConnectionEmitter, request: IncomingMessage];
  close: [];
  error: [error: Error];
  headers: [headers: string[], request: IncomingMessage];
}

/**
 * ```ts
 * const sockets = new WebSocketServer();
 * httpServer.on('upgrade', (request, socket, head) => {
 *   sockets.handleUpgrade(request, socket, head, (webSocket) => sockets.emit('connection', webSocket, request));
 * });
 * ```
 */
export class WebSocketServer extends EventEmitter<ServerEvents> {
  /** Looked at with each upgrade: libraries set some later. */
  readonly options: WebSocketServerOptions;
  readonly clients = new Set<ConnectionEmitter>();
  #isClosing = false;

  /** @throws TypeError for an option that is not known, RangeError for a limit out of its range. */
  constructor(options: WebSocketServerOptions = {}) {
    super();
    this.options = { ...options };
    requireWebSocket(() => {}, toOwnOptions(options)).resolve({ origins: [], limits: resolveLimits });
  }

  /**
   * Answers an upgrade that a server of `node:http` or `node:https` has emitted, as `upgrade` does.
   * @param callback called once the handshake is answered; not if it was refused, or the client has gone.
   */
  handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    callback: (socket: ConnectionEmitter, request: IncomingMessage) => void,
  ): void {
    const options = toOwnOptions(this.options);
    const { clientTracking = true, handleProtocols } = this.options;
    if (handleProtocols !== undefined) options.subprotocols = select(handleProtocols, request);
    if (this.#isClosing) options.authorize = refuse;
    void upgrade(request, socket, head, options).then((connection) => {
      if (connection === null) return;
      // In this order, no listener of its 'close' finds it among the clients.
      void connection.closed.then(() => this.clients.delete(emitter));
      const emitter = new ConnectionEmitter(connection);
      if (clientTracking) this.clients.add(emitter);
      callback(emitter, request);
    });
  }

  /**
   * Refuses upgrades from now on. Open sockets stay, as with ws; when all of `clients` have ended, it emits `'close'`.
   * @param callback called then.
   */
  close(callback?: () => void): void {
    this.#isClosing = true;
    if (callback !== undefined) this.once('close', callback);
    void Promise.all(Array.from(this.clients, ({ connection }) => connection.closed)).then(() => this.emit('close'));
  }
}

function toOwnOptions(options: WebSocketServerOptions): WebSocketOptions<any> {
  const { noServer, clientTracking, maxBufferedChunks, maxFragments, handleProtocols, ...shared } = options;
  const { maxPayload, perMessageDeflate, ...own } = shared;
  if (maxPayload !== undefined) own.maxMessageBytes = maxPayload;
  if (perMessageDeflate !== undefined) own.deflate = toDeflate(perMessageDeflate);
  return own;
}

function toDeflate(option: WebSocketServerOptions['perMessageDeflate'] & {}): boolean | { threshold?: number } {
  if (typeof option === 'boolean') return option;
  return option.threshold === undefined ? true : { threshold: option.threshold };
}

/** Nothing that a client has made up may become an option. */
function select(handleProtocols: WebSocketServerOptions['handleProtocols'] & {}, request: IncomingMessage): string[] {
  const elements = listElements([request.headers['sec-websocket-protocol'] ?? '']);
  const offered = new Set(elements.filter((element) => isToken(element)));
  const selected = offered.size > 0 && handleProtocols(offered, request);
  return selected !== false && offered.has(selected) ? [selected] : [];
}

function refuse(): never {
  throw new HandshakeError('SERVER_CLOSING', 503, 'the server is closing; try again later');
}
