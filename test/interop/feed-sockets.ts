// The TCP sockets of this process, to reset them.
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

const sockets = new Set<Socket>();

for (const channel of ['net.server.socket', 'net.client.socket']) {
  subscribe(channel, (message) => {
    const { socket } = message as { socket: Socket };
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
}

/** Resets about half of them, as a router does that has forgotten its connections. */
export function resetSockets(): void {
  for (const socket of sockets) if (Math.random() < 0.5) socket.resetAndDestroy();
}
