// The plainest frame codec that RFC 6455 §5.2 allows, byte by byte: the reference that src/frame is compared with.

/** A frame to encode. */
export interface FrameToEncode {
  /** `true` unless set. */
  readonly fin?: boolean;
  /** `false` unless set. */
  readonly rsv1?: boolean;
  readonly opcode: number;
  readonly payload: Uint8Array;
  /** Four bytes; the frame is not masked if absent. */
  readonly maskingKey?: Uint8Array | undefined;
}

/** A decoded frame; `payload` is unmasked. Nothing was checked but the length. */
export interface DecodedFrame {
  readonly fin: boolean;
  readonly rsv1: boolean;
  readonly rsv2: boolean;
  readonly rsv3: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
  readonly maskingKey: Buffer | null;
}

/** The bytes of one frame, with the shortest length (§5.2). */
export function encodeNaive({ fin = true, rsv1 = false, opcode, payload, maskingKey }: FrameToEncode): Buffer {
  const bytes: number[] = [(fin ? 0x80 : 0) + (rsv1 ? 0x40 : 0) + opcode];
  const maskBit = maskingKey ? 0x80 : 0;
  if (payload.length <= 125) {
    bytes.push(maskBit + payload.length);
  } else if (payload.length <= 0xffff) {
    bytes.push(maskBit + 126, ...bigEndian(payload.length, 2));
  } else {
    bytes.push(maskBit + 127, ...bigEndian(payload.length, 8));
  }
  if (!maskingKey) return Buffer.concat([Buffer.from(bytes), payload]);
  return Buffer.concat([Buffer.from(bytes), maskingKey, mask(payload, maskingKey)]);
}

/** All whole frames at the beginning of the bytes, and the bytes behind them. */
export function decodeNaive(bytes: Uint8Array): { readonly frames: DecodedFrame[]; readonly rest: Buffer } {
  const frames: DecodedFrame[] = [];
  let rest = Buffer.from(bytes);
  for (;;) {
    const first = decodeFirst(rest);
    if (!first) return { frames, rest };
    frames.push(first.frame);
    rest = rest.subarray(first.length);
  }
}

/** The frame at the beginning of the bytes and how many of them it takes; `null` if it is not whole. */
export function decodeFirst(bytes: Uint8Array): { readonly frame: DecodedFrame; readonly length: number } | null {
  let position = 0;
  function take(count: number): Buffer | null {
    if (position + count > bytes.length) return null;
    position += count;
    return Buffer.from(bytes.slice(position - count, position));
  }

  const [first, second] = take(2) ?? [];
  if (first === undefined || second === undefined) return null;
  let length = second % 0x80;
  if (length >= 126) {
    const extended = take(length === 126 ? 2 : 8);
    if (!extended) return null;
    length = [...extended].reduce((sum, byte) => sum * 256 + byte, 0);
  }
  const isMasked = hasBit(second, 0x80);
  const maskingKey = isMasked ? take(4) : null;
  if (isMasked && !maskingKey) return null;
  const payload = take(length);
  if (!payload) return null;
  const frame = {
    fin: hasBit(first, 0x80),
    rsv1: hasBit(first, 0x40),
    rsv2: hasBit(first, 0x20),
    rsv3: hasBit(first, 0x10),
    opcode: first % 0x10,
    payload: maskingKey ? mask(payload, maskingKey) : payload,
    maskingKey,
  };
  return { frame, length: position };
}

/** Masks or unmasks (§5.3): "octet i of the original data XOR octet i MOD 4 of the masking key". */
export function mask(payload: Uint8Array, maskingKey: Uint8Array): Buffer {
  if (maskingKey.length !== 4) throw new RangeError(`a masking key has 4 bytes, not ${maskingKey.length}`);
  const masked = Buffer.alloc(payload.length);
  for (let index = 0; index < payload.length; index++) {
    masked[index] = (payload[index] ?? 0) ^ (maskingKey[index % 4] ?? 0);
  }
  return masked;
}

function bigEndian(value: number, count: number): number[] {
  const bytes: number[] = [];
  for (let power = count - 1; power >= 0; power--) bytes.push(Math.floor(value / 256 ** power) % 256);
  return bytes;
}

function hasBit(byte: number, bit: number): boolean {
  return (byte & bit) === bit;
}
