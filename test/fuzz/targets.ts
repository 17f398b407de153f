// All fuzzers.
import { body } from './body.js';
import { client } from './client.js';
import { frames } from './frames.js';
import { requestHead, responseHead } from './head-targets.js';
import { lists } from './lists.js';
import { receiver } from './receiver.js';
import { server } from './server.js';
import type { Target } from './target.js';

export const targets: readonly Target[] = [requestHead, responseHead, lists, body, frames, receiver, server, client];
