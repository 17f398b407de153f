// The ceiling: a burst of frames made before in one write, and a count of the bytes that come, without any WebSocket.
import { createFrames, createPayload } from '../../dist/bench/harness/frames.js';
import { RawClient } from '../../dist/bench/harness/raw-client.js';
import { drive, options, port } from './client.mjs';

const payload = createPayload('binary', options.size);
const { request, reply } = createFrames('binary', payload);
const burst = Buffer.concat(new Array(options.inFlight).fill(request));

await drive(async (receive) => {
  const client = await RawClient.open({ port });
  let unsent = 0;
  let received = 0;
  client.onBytes = (_bytes, length) => {
    for (received += length; received >= reply.length; received -= reply.length) receive(payload);
  };
  return () => {
    if (++unsent === options.inFlight) client.socket.write(burst);
    unsent %= options.inFlight;
  };
});
