// Whether a connection is alive: asks a silent peer, and ends it if that never answers, or nobody reads.
import { TimeoutError, WebSocketError } from '../errors.js';
import { CloseCode } from '../frame/close.js';
import { CHECKS_PER_INTERVAL } from '../stream/silence-timer.js';
import type { Channel } from './channel.js';

/** Keep-alive intervals without a sign of life after which a peer counts as dead. */
const INTERVALS_UNTIL_DEAD = 2;
/** Keep-alive intervals with a full queue and no reader, after which there will be none. */
const INTERVALS_UNTIL_UNREAD = 6;

const NO_PAYLOAD = Buffer.alloc(0);

/**
 * To be called `CHECKS_PER_INTERVAL` times in each keep-alive interval. A ping follows an interval of silence in either
 * direction: a proxy may watch either.
 */
export function checkLife(channel: Channel): void {
  const { protocol, writer } = channel;
  if (!protocol.isOpen) return;
  // A peer that reads a backlog will get to the ping.
  if (writer.bufferedAmount < channel.unsent) channel.silentChecks = 0;
  channel.unsent = writer.bufferedAmount;
  channel.silentChecks++;
  writer.idleChecks++;
  if (channel.isPaused) {
    // A peer whose bytes are not read can give no sign of life.
    if (channel.silentChecks >= INTERVALS_UNTIL_UNREAD * CHECKS_PER_INTERVAL) return giveUpReading(channel);
  } else if (channel.silentChecks >= INTERVALS_UNTIL_DEAD * CHECKS_PER_INTERVAL) {
    const advice = 'if it never answers pings, set keepAliveInterval to 0';
    return channel.destroy(new TimeoutError(`the peer gave no sign of life, and no pong; ${advice}`));
  }
  if (channel.silentChecks !== CHECKS_PER_INTERVAL && writer.idleChecks !== CHECKS_PER_INTERVAL) return;
  protocol.ping(NO_PAYLOAD);
  channel.counters.ask();
  writer.schedule();
}

function giveUpReading(channel: Channel): void {
  const { count } = channel.queue;
  const message = count > 0
    ? `${count} messages wait and nobody takes them; read them, or call discardMessages()`
    : 'a message waits that nobody reads to its end; receive() and read it, or skip() the rest of it';
  const error = new WebSocketError('NOT_READ', message);
  channel.protocol.close(CloseCode.POLICY_VIOLATION, 'messages are not read', error);
  channel.afterProtocol();
}
