// A second opinion on compressed messages: those of a connection are one stream of DEFLATE, and are inflated as one.
import { inflateRawSync, type InflateRaw } from 'node:zlib';

const TAIL = Buffer.from('0000ffff', 'hex');
/** A final block that is empty: without one, zlib says nothing of a stream that was cut off. */
const END = Buffer.from('0300', 'hex');
const WINDOW = 32_768;

/** The limits of all inputs are lower. */
const MAX_BYTES = 4 << 20;

export interface Opinion {
  readonly bytes: Buffer;
  /** How many blocks of the message were the last of a stream, so that another begins behind each (§7.2.3.4). */
  readonly finalBlocks: number;
}

/**
 * Says what the last message is; `null` if it is no DEFLATE, or longer than any limit.
 * @param payloads those of all messages of its context so far, which can be inflated but for the last
 */
export function inflateLast(payloads: readonly Buffer[]): Opinion | null {
  const before = Buffer.concat(payloads.slice(0, -1).flatMap((payload) => [payload, TAIL]));
  const all = inflate(Buffer.concat([before, payloads.at(-1)!, TAIL, END]));
  if (all === null) return null;
  const known = payloads.length === 1 ? 0 : inflate(Buffer.concat([before, END]))!.bytes.length;
  const finalBlocks = all.ends.filter((end) => end > before.length).length - 1;
  return { bytes: all.bytes.subarray(known), finalBlocks };
}

/** Another final block that is empty. */
const OTHER_END = Buffer.from('010000ffff', 'hex');

/**
 * Whether one of the messages was cut off within a final block, so that this takes what is added to a message for its
 * own rest. Nobody can tell it from a whole one, but by another end, which becomes other bytes.
 */
export function isAmbiguous(payloads: readonly Buffer[]): boolean {
  return payloads.some((_, index) => {
    const stream = Buffer.concat(payloads.slice(0, index + 1).flatMap((payload) => [payload, TAIL]));
    const [one, other] = [END, OTHER_END].map((end) => inflate(Buffer.concat([stream, end])));
    return one !== null && (other == null || one!.bytes.compare(other.bytes) !== 0);
  });
}

/** All that the stream, and those that begin behind its final blocks, say; and where each of them ends. */
function inflate(stream: Buffer): { bytes: Buffer; ends: number[] } | null {
  let bytes: Buffer = Buffer.alloc(0);
  const ends: number[] = [];
  try {
    for (let start = 0; start < stream.length; start = ends.at(-1)!) {
      const dictionary = bytes.length > 0 ? { dictionary: bytes.subarray(-WINDOW) } : {};
      const options = { info: true, maxOutputLength: MAX_BYTES, ...dictionary };
      // The types of Node know nothing of `info`.
      const inflated = inflateRawSync(stream.subarray(start), options) as unknown;
      const { buffer, engine } = inflated as { buffer: Buffer; engine: InflateRaw };
      bytes = bytes.length === 0 ? buffer : Buffer.concat([bytes, buffer]);
      if (bytes.length > MAX_BYTES) return null;
      ends.push(start + engine.bytesWritten);
    }
  } catch {
    return null;
  }
  return { bytes, ends };
}
