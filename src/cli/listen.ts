// `twobyte connect --listen`: a server that prints what its clients send, and sends them what the user writes.
import { createServer, requireWebSocket } from '../index.js';
import { describeRefusal } from '../server/refusal.js';
import { CommandError, parseWholeNumber } from './arguments.js';
import type { Manner } from './conversation.js';
import { formatMessage } from './format.js';
import type { UserInterface } from './pipe.js';
import { firstLine } from './printable.js';
import { closeOnSignal } from './signals.js';

/**
 * Serves until a signal or, with `isOnce`, until the first message.
 * @param place `PORT` or `HOST:PORT`.
 * @param execute what each client is sent at first, instead of what the user writes.
 */
export async function listen(
  place: string,
  manner: Manner,
  user: UserInterface,
  execute: readonly string[] | undefined,
): Promise<void> {
  const [, host = '127.0.0.1', port = ''] = /^(?:\[?([^\]]+)\]?:)?([^]*)$/.exec(place)!;
  const server = createServer({
    deflate: true,
    origins: '*',
    onRefuse: (error, request) => user.note(describeRefusal(error, request)),
  });
  const toMessage = (line: string | Buffer): string | Buffer => (manner.isBinary ? Buffer.from(line) : String(line));
  const close = (code?: number): void => {
    user.close();
    void server.close(code === undefined ? {} : { code, reason: '' });
  };
  server.route('/*', requireWebSocket(async ({ webSocket, path, remoteAddress }) => {
    user.note(`connected from ${remoteAddress}: ${firstLine(path)}`);
    void webSocket.closed.then(({ code, reason }) => {
      user.note(`closed with ${code}${reason && `: ${firstLine(reason)}`}`);
    });
    for (const line of execute ?? []) void webSocket.send(toMessage(line));
    for await (const message of webSocket) {
      await user.print(formatMessage(message, manner, process.stdout.isTTY));
      if (manner.isOnce) return close(1000);
    }
  }));
  const number = parseWholeNumber('the port', port, 65_535);
  const address = await server.listen(number, host).catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(`cannot listen on port ${port} of ${host} (${error.code}); choose another`);
  });
  closeOnSignal(() => close(), () => user.close());
  user.note(`listening at ws://${host.includes(':') ? `[${host}]` : host}:${(address as { port: number }).port}/`);
  if (execute !== undefined) return;
  for await (const line of user.lines) {
    for (const connection of server.connections) void connection.send(toMessage(line));
  }
}
