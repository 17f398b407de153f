// One exchange of a JavaScript client with a server; what it saw goes to stdout as a line of JSON.
//
// Usage: javascript-client.mjs IMPLEMENTATION ORIGIN EXCHANGE ARGUMENT
// IMPLEMENTATION is a package, `ws` or `undici`, or `global` for the runtime's own; ARGUMENT is JSON.
import { Buffer } from 'node:buffer';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import process from 'node:process';
import { perform } from './javascript-exchanges.mjs';

const [implementation, origin, exchange, argument] = process.argv.slice(2);
const library = implementation === 'global' ? globalThis : await import(implementation);

const UNDICI_PONG = 'undici:websocket:pong';

/** Sends a ping, and waits for the payload of its pong; the standard's WebSocket has no such thing. */
const ping = {
  async ws(socket, payload) {
    const pong = new Promise((resolve) => socket.once('pong', resolve));
    socket.ping(payload);
    return String(await pong);
  },

  async undici(socket, payload) {
    const pong = new Promise((resolve) => {
      subscribe(UNDICI_PONG, function receive(message) {
        unsubscribe(UNDICI_PONG, receive);
        resolve(message.payload);
      });
    });
    library.ping(socket, Buffer.from(payload));
    return String(await pong);
  },

  /** Bun's own addition. */
  async global(socket, payload) {
    const pong = new Promise((resolve) => socket.addEventListener('pong', ({ data }) => resolve(data), { once: true }));
    socket.ping(payload);
    return Buffer.from(await pong).toString();
  },
}[implementation];

const seen = await perform({ WebSocket: library.WebSocket, ping }, origin, exchange, JSON.parse(argument));
console.log(JSON.stringify(seen));
// Whatever the library still holds open is not of interest.
process.exit();
