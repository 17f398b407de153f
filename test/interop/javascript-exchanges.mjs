// The exchanges of a JavaScript client with a server, written for browsers and everything else.

async function digest(data) {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : new Uint8Array(data);
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const kind = typeof data === 'string' ? 'text' : 'binary';
  return [kind, bytes.length, Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')];
}

function bytesOf(size) {
  return Uint8Array.from({ length: size }, (_, index) => index % 251);
}

/**
 * Has one exchange with a server.
 * @param client its `WebSocket` and, if it has a way to do so, its `ping(socket, payload)`, which resolves to the
 * payload of the pong as a string
 * @returns what the client saw, for JSON
 */
export async function perform(client, origin, exchange, argument) {
  /** Opens a WebSocket whose messages wait until they are taken by `next`. */
  async function open(path, subprotocols = []) {
    const socket = new client.WebSocket(origin + path, subprotocols);
    socket.binaryType = 'arraybuffer';
    const messages = [];
    let wake = () => {};
    socket.addEventListener('message', ({ data }) => {
      messages.push(data);
      wake();
    });
    const closed = new Promise((resolve) => {
      socket.addEventListener('close', ({ code, reason, wasClean }) => resolve([code, reason, wasClean]));
    });
    async function next() {
      while (messages.length === 0) await new Promise((resolve) => (wake = resolve));
      return messages.shift();
    }
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      closed.then((close) => reject(new Error(`closed with ${close}`)));
    });
    return { socket, next, closed };
  }

  const exchanges = {
    async text(texts) {
      const { socket, next } = await open('/echo/');
      const received = [];
      for (const [part, count] of texts) {
        socket.send(part.repeat(count));
        received.push(await digest(await next()));
      }
      return received;
    },

    async binary(sizes) {
      const { socket, next } = await open('/echo/');
      const received = [];
      for (const size of sizes) {
        socket.send(bytesOf(size));
        received.push(await digest(await next()));
      }
      return received;
    },

    /** All is sent before anything is read. */
    async pipeline(count) {
      const { socket, next } = await open('/echo/');
      const received = [];
      for (let number = 0; number < count; number++) socket.send(String(number));
      for (let number = 0; number < count; number++) received.push(await next());
      return received;
    },

    /** As the package ws sends them: cut inside a character, with a ping between the frames. */
    async fragments() {
      const { socket, next } = await open('/echo/');
      const bytes = new TextEncoder().encode('Hello, 世界');
      const pongs = [];
      for (const [start, end] of [[0, 1], [1, 1], [1, 8], [8, bytes.length]]) {
        socket.send(bytes.subarray(start, end), { binary: false, fin: end === bytes.length });
        pongs.push(await client.ping(socket, `behind ${end}`));
      }
      const text = await next();
      for (let part = 0; part < 256; part++) socket.send(new Uint8Array(1000).fill(part), { fin: part === 255 });
      return [pongs, text, await digest(await next())];
    },

    async ping(payloads) {
      const { socket } = await open('/echo/');
      const pongs = [];
      for (const payload of payloads) pongs.push(await client.ping(socket, payload));
      return pongs;
    },

    /** The server sends pings, which any client answers by itself. */
    async pinged() {
      const { next } = await open('/ping/');
      return await next();
    },

    async subprotocol(offered) {
      const { socket } = await open('/echo/', offered);
      return socket.protocol;
    },

    async close(frames) {
      const closes = [];
      for (const frame of frames) {
        const { socket, closed } = await open('/echo/');
        socket.close(...frame);
        closes.push(await closed);
      }
      return closes;
    },

    async closed(frames) {
      const closes = [];
      for (const [code, reason] of frames) {
        const { closed } = await open(`/close/?${new URLSearchParams({ code, reason })}`);
        closes.push(await closed);
      }
      return closes;
    },
  };

  return await exchanges[exchange](argument);
}
