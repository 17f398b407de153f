// The four transports: each brings a lane the same updates until it is stopped.
/** @import { Lane, LaneName } from './lane.js' */

/** @type {Readonly<Record<LaneName, (lane: Lane) => void>>} */
export const transports = {
  polling: startPolling,
  'long-polling': startLongPolling,
  streaming: startStreaming,
  websocket: startWebSocket,
};

/** @param {Lane} lane */
function startPolling(lane) {
  const controller = new AbortController();
  let isAsking = false;
  const ask = async () => {
    // Don't ask a slow server again before it has answered.
    if (isAsking) return;
    isAsking = true;
    await lane.fetch('polling', controller.signal, false).catch(() => {});
    isAsking = false;
  };
  const timer = setInterval(() => void ask(), lane.race.poll);
  void ask();
  lane.stop = () => {
    clearInterval(timer);
    controller.abort();
  };
}

/** @param {Lane} lane */
async function startLongPolling(lane) {
  const controller = new AbortController();
  lane.stop = () => controller.abort();
  try {
    while (!controller.signal.aborted) await lane.fetch('long-polling', controller.signal, true);
  } catch {
    // The race is over or its server is away; the control connection reports which.
  }
}

/** @param {Lane} lane */
function startStreaming(lane) {
  const request = lane.open(true);
  const source = new EventSource(lane.race.address('streaming'));
  source.addEventListener('message', ({ data }) => lane.take(JSON.parse(data)));
  lane.stop = () => {
    source.close();
    lane.close(request, true);
  };
}

/**
 * Closes a socket. Closing one that is not open yet is an error to the browser, but a page that was left can't wait.
 * @param {WebSocket} socket
 * @param {boolean} isLeft
 * @returns {Promise<void>} when it was told to close
 */
export async function closeSocket(socket, isLeft) {
  if (socket.readyState === WebSocket.CONNECTING && !isLeft) {
    await new Promise((resolve) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('close', resolve);
    });
  }
  socket.close();
}

/** @param {Lane} lane */
function startWebSocket(lane) {
  const request = lane.open(true);
  const socket = new WebSocket(lane.race.address('websocket').href.replace('http', 'ws'));
  socket.addEventListener('message', ({ data }) => lane.take(JSON.parse(data)));
  lane.stop = (isLeft) => {
    lane.close(request, true);
    return closeSocket(socket, isLeft);
  };
}
