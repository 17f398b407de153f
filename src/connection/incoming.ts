// What decodes the bytes of connections: one decoder that all share between two messages, and one for each within one.
import { FrameDecoder, type ControlReceiver } from '../frame/decode.js';
import type { Inflater } from '../frame/inflater.js';
import type { Role } from '../frame/opcode.js';
import { MessageAssembler } from './assembler.js';
import type { MessageReceiver } from './message-receiver.js';

/** A frame decoder, and the assembler that it gives the frames of messages to. */
export class Incoming {
  readonly assembler: MessageAssembler;
  readonly decoder: FrameDecoder;
  readonly hasInflater: boolean;

  /** @param inflater `null` unless permessage-deflate was agreed on. */
  constructor(inflater: Inflater | null) {
    this.assembler = new MessageAssembler(inflater);
    this.hasInflater = inflater !== null;
    this.decoder = new FrameDecoder(this.assembler, this.hasInflater);
  }

  /** Whose bytes are decoded from here on. */
  serve(role: Role, control: ControlReceiver | null, queue: MessageReceiver | null, maxMessageBytes: number): void {
    this.decoder.serve(role, control);
    this.assembler.serve(queue, maxMessageBytes);
  }
}

/** Present while no bytes are being decoded. */
let shared: Incoming | null = null;

/** For a connection that has none: the shared one, or another while that is in use. Parameters as of `serve`. */
export function borrowIncoming(
  role: Role,
  control: ControlReceiver,
  queue: MessageReceiver,
  maxMessageBytes: number,
): Incoming {
  const incoming = shared ?? new Incoming(null);
  shared = null;
  incoming.serve(role, control, queue, maxMessageBytes);
  return incoming;
}

/**
 * Takes it back, unless it is within a frame or a message, has one that is unclaimed, or messages may be compressed.
 * @returns what the connection has to keep.
 */
export function returnIncoming(incoming: Incoming): Incoming | null {
  if (incoming.hasInflater || !incoming.decoder.isIdle || incoming.assembler.isUnclaimed) return incoming;
  incoming.serve('server', null, null, 0);
  shared = incoming;
  return null;
}
