// What a connection counts of itself, and what it tells of that.

/** What has come, or what has gone. */
export interface Counted {
  /** Messages that are whole. */
  readonly messages: number;
  /** Their bytes, without compression. */
  readonly bytes: number;
  /** All bytes of frames: as compressed, with headers, pings and all else. Over TLS, before encryption. */
  readonly wireBytes: number;
}

/** What a connection has counted so far. */
export interface ConnectionStats {
  readonly received: Counted;
  readonly sent: Counted;
  /** Pings that were sent, by `ping()` and by keep-alive. */
  readonly pings: number;
  /** Milliseconds from the ping that was answered last to its pong; `null` before the first. */
  readonly roundTrip: number | null;
  /** How often the peer was stopped, as too much was unread. */
  readonly pauses: number;
  /** The most that ever waited at once. */
  readonly peak: {
    /** Unread messages. */
    readonly queuedMessages: number;
    /** Their bytes. */
    readonly queuedBytes: number;
    /** Bytes that were sent, and that the system did not take yet. */
    readonly bufferedBytes: number;
  };
}

/** Made for the first byte of a connection: an idle one has none (bench memory). */
export class Counters {
  messagesReceived = 0;
  bytesReceived = 0;
  wireBytesReceived = 0;
  messagesSent = 0;
  bytesSent = 0;
  wireBytesSent = 0;
  pings = 0;
  pauses = 0;
  roundTrip: number | null = null;
  #queuedMessages = 0;
  #queuedBytes = 0;
  #bufferedBytes = 0;
  /** When the oldest ping of keep-alive was sent that is not answered; 0 if all are. */
  #askedAt = 0;

  /** So much is unread. */
  noteQueued(messages: number, bytes: number): void {
    if (messages > this.#queuedMessages) this.#queuedMessages = messages;
    if (bytes > this.#queuedBytes) this.#queuedBytes = bytes;
  }

  /** So much has not left. */
  noteBuffered(bytes: number): void {
    if (bytes > this.#bufferedBytes) this.#bufferedBytes = bytes;
  }

  /** Keep-alive has sent a ping. */
  ask(): void {
    this.pings++;
    this.#askedAt ||= performance.now();
  }

  /** Its pong has come. */
  answer(): void {
    if (this.#askedAt === 0) return;
    this.roundTrip = performance.now() - this.#askedAt;
    this.#askedAt = 0;
  }

  /** Adds what another connection has counted; of the most and the last of several there is no sum. */
  add(other: Counters): void {
    this.messagesReceived += other.messagesReceived;
    this.bytesReceived += other.bytesReceived;
    this.wireBytesReceived += other.wireBytesReceived;
    this.messagesSent += other.messagesSent;
    this.bytesSent += other.bytesSent;
    this.wireBytesSent += other.wireBytesSent;
    this.pings += other.pings;
    this.pauses += other.pauses;
  }

  get received(): Counted {
    return { messages: this.messagesReceived, bytes: this.bytesReceived, wireBytes: this.wireBytesReceived };
  }

  get sent(): Counted {
    return { messages: this.messagesSent, bytes: this.bytesSent, wireBytes: this.wireBytesSent };
  }

  get stats(): ConnectionStats {
    const { received, sent, pings, roundTrip, pauses } = this;
    const peak = {
      queuedMessages: this.#queuedMessages,
      queuedBytes: this.#queuedBytes,
      bufferedBytes: this.#bufferedBytes,
    };
    return { received, sent, pings, roundTrip, pauses, peak };
  }
}
