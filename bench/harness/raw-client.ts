// A connection of the load generator: bytes out, a count of bytes in, and as little else as can be.
import { connect as connectNet, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { HEAD_END, openingRequest } from './frames.js';

/** Where and how to connect. */
export interface ClientOptions {
  readonly port: number;
  /** The address to connect from: each of 127.0.0.0/8 has ports of its own. */
  readonly localAddress?: string;
  /** Whether the server speaks no WebSocket. */
  readonly isBare?: boolean;
  readonly isSecure?: boolean;
  /** Default `/`. */
  readonly path?: string;
  /** The value of `Sec-WebSocket-Extensions`. */
  readonly extensions?: string;
}

/** All sockets read into the same memory; it is looked at before the next one reads. */
const readBuffer = Buffer.allocUnsafeSlow(1 << 18);

export class RawClient {
  readonly socket: Socket;
  /** Told how many bytes came; they begin at the start of `received`. */
  onBytes: (received: Buffer, length: number) => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** Connects, and goes through the opening handshake. */
  static open({ port, localAddress, isBare, isSecure, path = '/', extensions }: ClientOptions): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      let head = '';
      let isOpen = false;
      const receive = (length: number, bytes: Buffer): boolean => {
        if (isOpen) {
          client.onBytes(bytes, length);
          return true;
        }
        head += bytes.toString('latin1', 0, length);
        // A feed tells its place right away.
        isOpen = head.includes(HEAD_END);
        if (isOpen) resolve(client);
        return true;
      };
      const address = { host: '127.0.0.1', port, noDelay: true, ...(localAddress !== undefined && { localAddress }) };
      // `onread` of a TLS socket is the plain one's: there the copies are Node's.
      const socket = isSecure
        ? connectTls({ ...address, rejectUnauthorized: false })
        : connectNet({ ...address, onread: { buffer: readBuffer, callback: receive as never } });
      const client = new RawClient(socket);
      if (isSecure) socket.on('data', (chunk: Buffer) => receive(chunk.length, chunk));
      socket.on('error', reject);
      socket.on('close', () => reject(new Error(`the connection has ended after ${JSON.stringify(head)}`)));
      socket.on(isSecure ? 'secureConnect' : 'connect', () => {
        // A bare server sends the end of a head as soon as it has accepted.
        if (!isBare) socket.write(openingRequest(path, extensions));
      });
    });
  }
}

/**
 * Opens many, some at a time, from as many addresses as their number needs.
 * @param prepare is given each that is open, while others are not yet.
 */
export async function openClients(
  count: number,
  options: ClientOptions,
  prepare: (client: RawClient) => void = () => {},
): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  while (clients.length < count) {
    const batch = Array.from({ length: Math.min(64, count - clients.length) }, (_, index) => {
      const address = 1 + Math.floor((clients.length + index) / 10_000);
      return RawClient.open({ localAddress: `127.0.0.${address}`, ...options });
    });
    const opened = await Promise.all(batch);
    opened.forEach(prepare);
    clients.push(...opened);
  }
  return clients;
}
