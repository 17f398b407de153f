// A peer's server: measured by most benches, and at the other end where a client is.
import { once } from 'node:events';
import { MEASURED_CORE, PeerProcess } from './peer-process.js';
import type { Peer, ServerOptions } from './peers.js';

export class ServerProcess extends PeerProcess {
  /** Where it listens. */
  port = 0;

  /** Starts the server; it listens when the promise is fulfilled. */
  static async start(peer: Peer, options: ServerOptions = {}, core = MEASURED_CORE): Promise<ServerProcess> {
    const server = new ServerProcess(peer, core, options);
    server.port = Number(await server.nextLine());
    return server;
  }

  /** What the heap holds after a garbage collection; `null` for what is not a program of Node. */
  async memoryUsage(): Promise<NodeJS.MemoryUsage | null> {
    if (!this.peer.isNode) return null;
    this.child.send('memory');
    const [usage] = (await once(this.child, 'message')) as [NodeJS.MemoryUsage];
    return usage;
  }
}
