// The channels of `node:diagnostics_channel` on which the library tells what happens: docs/api.md has their payloads.
import { channel } from 'node:diagnostics_channel';

// While nobody subscribes, nothing is made for them: whoever publishes asks `hasSubscribers` first.
export const connectionOpened = channel('twobyte:connection:open');
export const connectionClosed = channel('twobyte:connection:close');
export const handshakeRefused = channel('twobyte:handshake:refused');
export const messagePassed = channel('twobyte:message');
export const slowness = channel('twobyte:slow');
export const errorTold = channel('twobyte:error');
export const feedPublished = channel('twobyte:feed:publish');
export const feedReaderBehind = channel('twobyte:feed:behind');
