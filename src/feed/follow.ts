// The reader of a feed in Node.js: the browser's, with the client's WebSocket.
import { whenAborted } from '../connection/wait-limits.js';
import { connect } from '../client/connect.js';
import { createFollow } from './browser.js';

async function* webSocket(
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): AsyncGenerator<string | Uint8Array> {
  url.protocol = url.protocol.replace('http', 'ws');
  const connection = await connect(url, { headers, signal });
  const ignore = whenAborted(signal, () => connection.terminate());
  try {
    yield* connection;
  } finally {
    ignore();
    void connection.close();
  }
}

/**
 * Reads a feed of `serveFeed`: an iterator over its updates, each once and in order, for as long as it is read.
 *
 * ```ts
 * for await (const { value, missed } of follow<number>('http://127.0.0.1:8000/prices/')) console.log(value, missed);
 * ```
 * It connects again when the connection is lost, after pauses that grow, half of them random; goes on after the last
 * update, takes no update twice, and says in `missed` what it could not get. If one transport doesn't get through, it
 * takes the next.
 * @param url of the route, `http:` or `https:`, or `ws:` or `wss:`; a function is called before each attempt.
 * @throws TypeError for what is no URL, the answer of the server if the last transport was refused with a 4xx status
 * that no other attempt changes, and the signal's reason after an abort.
 */
export const follow = createFollow(webSocket);
