// A peer's client, measured while it keeps an echo server busy.
import type { DriveOptions } from './drive.js';
import { MEASURED_CORE, PeerProcess } from './peer-process.js';
import type { Peer } from './peers.js';
import type { LoadResult } from './run.js';

export class ClientProcess extends PeerProcess {
  /** Starts the client; its connections are open, and its first echoes checked, when the promise is fulfilled. */
  static async start(peer: Peer, options: DriveOptions & { readonly port: number }): Promise<ClientProcess> {
    const client = new ClientProcess(peer, MEASURED_CORE, options);
    await client.nextLine();
    return client;
  }

  async run(milliseconds: number): Promise<LoadResult> {
    this.child.stdin!.write(`${milliseconds}\n`);
    return JSON.parse(await this.nextLine()) as LoadResult;
  }
}
