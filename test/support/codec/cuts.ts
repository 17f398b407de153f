// Feeds the same bytes to a parser in every way that TCP may cut them, and demands the same result each time.
import { inspect, isDeepStrictEqual } from 'node:util';
import { Assertion } from 'uvu/assert';
import { compare } from 'uvu/diff';

/** Bytes from hexadecimal digits, with white space wherever it helps to read: `hex('81 05 48656c6c6f')`. */
export function hex(digits: string): Buffer {
  const dense = digits.replace(/\s+/g, '');
  // Buffer.from would stop silently at the first mistake.
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(dense)) throw new TypeError(`these are not whole hexadecimal bytes: ${digits}`);
  return Buffer.from(dense, 'hex');
}

/** How `assertEveryCut` may go further, or less far. */
export interface CutOptions {
  /** Bytes behind the others that must not change the result, for a parser that stops by itself. */
  readonly trailing?: Uint8Array;
  /** Whether a chunk is filled with 0xEE once the parser asks for the next one; `true` unless set. */
  readonly overwrite?: boolean;
}

/**
 * Runs a parser over the bytes whole, byte by byte, and cut in two at every place, each with chunks at an even and at
 * an odd offset of their memory, and asserts the same result each time. A chunk lives until the next is asked for: then
 * its memory is overwritten, as a reused read buffer would be, so that a result which still looks at a chunk differs.
 * @param bytes all input
 * @param parse makes a fresh parser, gives it each chunk in turn and returns all that came out; also what it threw
 * @param expected the result, written by hand
 */
export function assertEveryCut<Result>(
  bytes: Uint8Array,
  parse: (chunks: Iterable<Buffer>) => Result,
  expected: Result,
  options: CutOptions = {},
): void {
  for (const { chunks, how } of everyCut(bytes, options)) assertResult(parse(chunks), expected, how);
}

/** The same for a parser that tells later what has come out. */
export async function assertEveryCutLater<Result>(
  bytes: Uint8Array,
  parse: (chunks: Iterable<Buffer>) => Promise<Result>,
  expected: Result,
  options: CutOptions = {},
): Promise<void> {
  for (const { chunks, how } of everyCut(bytes, options)) assertResult(await parse(chunks), expected, how);
}

function* everyCut(
  bytes: Uint8Array,
  { trailing = Buffer.alloc(0), overwrite = true }: CutOptions,
): Generator<{ chunks: Iterable<Buffer>; how: string }> {
  const inputs = trailing.length === 0 ? [bytes] : [bytes, Buffer.concat([bytes, trailing])];
  for (const input of inputs) {
    const behind = input.length - bytes.length;
    for (const [name, parts] of cuts(input)) {
      for (const offset of [0, 1]) {
        const how = `${name}, at offset ${offset}${behind === 0 ? '' : `, with ${behind} bytes behind`}`;
        yield { chunks: lend(parts, offset, overwrite), how };
      }
    }
  }
}

function assertResult(actual: unknown, expected: unknown, how: string): void {
  if (!isDeepStrictEqual(actual, expected)) fail(`another result when given ${how}`, actual, expected);
}

function* cuts(bytes: Uint8Array): Generator<[name: string, parts: Uint8Array[]]> {
  yield ['whole', [bytes]];
  yield ['byte by byte', Array.from(bytes, (byte) => Uint8Array.of(byte))];
  for (let place = 1; place < bytes.length; place++) {
    yield [`cut after byte ${place} of ${bytes.length}`, [bytes.subarray(0, place), bytes.subarray(place)]];
  }
}

const FILLER = 0xee;

/** Yields copies of the parts, each amid filler, and takes each back when the next is asked for. */
function* lend(parts: Uint8Array[], offset: number, overwrite: boolean): Generator<Buffer> {
  for (const part of parts) {
    const memory = Buffer.alloc(offset + part.length + 8, FILLER);
    memory.set(part, offset);
    try {
      yield Buffer.from(memory.buffer, memory.byteOffset + offset, part.length);
    } finally {
      if (overwrite) memory.fill(FILLER);
    }
  }
}

function fail(message: string, actual: unknown, expects: unknown): never {
  const details = compare(show(actual), show(expects));
  throw new Assertion({ message, details, generated: false, operator: 'equal', actual, expects });
}

function show(value: unknown): string {
  return inspect(value, { depth: 10, maxArrayLength: 1000, maxStringLength: 1000 });
}
