// All fuzzers.
import { body } from './body.js';
import { client } from './client.js';
import { deflate } from './deflate.js';
import { extendedConnect } from './extended-connect.js';
import { frames } from './frames.js';
import { requestHead, responseHead } from './head-targets.js';
import { lists } from './lists.js';
import { negotiation } from './negotiation.js';
import { proxyProtocol } from './proxy-protocol.js';
import { receiver } from './receiver.js';
import { receiverDeflate } from './receiver-deflate.js';
import { server } from './server.js';
import { streamed } from './streamed.js';
import { streamedDeflate } from './streamed-deflate.js';
import type { Target } from './target.js';

export const targets: readonly Target[] = [
  requestHead, responseHead, extendedConnect, lists, negotiation, proxyProtocol, body, frames, streamed,
  streamedDeflate, receiver, receiverDeflate, deflate, server, client,
];
