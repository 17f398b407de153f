// This library's client, or that of another checkout, in three styles of its API.
import { drive, fail, MAX_BYTES, style, url } from './client.mjs';

const { connect } = await import(process.env.TWOBYTE ?? '../../dist/src/index.js');

const readers = {
  async 'for await'(connection, receive) {
    for await (const message of connection) receive(message);
  },

  async 'wait()'(connection, receive) {
    for (let message; (message = await connection.wait()) !== null; ) receive(message);
  },

  async 'read()'(connection, receive) {
    for (let message; (message = connection.read() ?? (await connection.wait())) !== null; ) receive(message);
  },
};

await drive(async (receive) => {
  const connection = await connect(url, { deflate: false, maxMessageBytes: MAX_BYTES });
  readers[style](connection, receive).catch(fail);
  return (message) => connection.send(message);
});
