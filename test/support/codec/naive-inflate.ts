// DEFLATE (RFC 1951) as the standard describes it, bit by bit, to judge what zlib has written: how far back it refers.

/** What a reader of the blocks has seen. */
export interface Inflated {
  /** Without the history. */
  readonly bytes: Buffer;
  /** The largest distance of all references; 0 if there is none. */
  readonly maxDistance: number;
  /** Whether the last block had BFINAL set. */
  readonly isFinal: boolean;
}

// §3.2.5: the base values of lengths and distances, and how many bits are added to each.
const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const LENGTHS = [...LENGTH_BITS.slice(0, 28).map((_, index) => 3 + spanOf(LENGTH_BITS.slice(0, index))), 258];
const DISTANCE_BITS = Array.from({ length: 30 }, (_, index) => Math.max(0, (index >> 1) - 1));
const DISTANCES = DISTANCE_BITS.map((_, index) => 1 + spanOf(DISTANCE_BITS.slice(0, index)));
// §3.2.6: the lengths of the fixed codes.
const FIXED = [...lengths(144, 8), ...lengths(112, 9), ...lengths(24, 7), ...lengths(8, 8)];
// §3.2.7: the order in which the lengths of the code lengths' codes come.
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

function lengths(count: number, length: number): number[] {
  return new Array<number>(count).fill(length);
}

/** Reads the next symbol. */
type Decoder = () => number;

interface Codes {
  readonly literal: Decoder;
  readonly distance: Decoder;
}

/** How many values codes with so many added bits stand for. */
function spanOf(addedBits: readonly number[]): number {
  return sum(addedBits.map((bits) => 2 ** bits));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => one + other, 0);
}

/**
 * Inflates whole blocks, up to a final one or the end of the bytes.
 * @param history what references may reach back into
 * @throws Error for what is no DEFLATE
 */
export function inflateNaive(bytes: Uint8Array, history: Uint8Array = Buffer.alloc(0)): Inflated {
  const output = Array.from(history);
  let position = 0;
  let maxDistance = 0;
  let isFinal = false;

  const bit = (): number => {
    if (position >= bytes.length * 8) throw new Error('the data ends within a block');
    const value = (bytes[position >> 3]! >> (position & 7)) & 1;
    position++;
    return value;
  };
  const number = (bits: number): number => sum(Array.from({ length: bits }, (_, index) => bit() << index));

  /** §3.2.2: codes by their length and number. */
  const decoder = (lengthOf: readonly number[]): Decoder => {
    const symbols = new Map<string, number>();
    let code = 0;
    for (let length = 1; length <= 15; length++) {
      code *= 2;
      lengthOf.forEach((own, symbol) => {
        if (own === length) symbols.set((code++).toString(2).padStart(length, '0'), symbol);
      });
    }
    return () => {
      for (let read = ''; read.length < 16; ) {
        read += bit();
        const symbol = symbols.get(read);
        if (symbol !== undefined) return symbol;
      }
      throw new Error('a code that does not exist');
    };
  };

  const copyStored = (): void => {
    position = Math.ceil(position / 8) * 8;
    const length = number(16);
    if (number(16) !== (length ^ 0xffff)) throw new Error('a stored block with two lengths');
    for (let count = 0; count < length; count++) output.push(number(8));
  };

  const copyCompressed = ({ literal, distance }: Codes): void => {
    for (let symbol; (symbol = literal()) !== 256; ) {
      if (symbol < 256) {
        output.push(symbol);
        continue;
      }
      const length = LENGTHS[symbol - 257]! + number(LENGTH_BITS[symbol - 257]!);
      const distanceSymbol = distance();
      const back = DISTANCES[distanceSymbol]! + number(DISTANCE_BITS[distanceSymbol]!);
      if (back > output.length) throw new Error('a reference before the beginning');
      maxDistance = Math.max(maxDistance, back);
      for (let count = 0; count < length; count++) output.push(output.at(-back)!);
    }
  };

  const readCodes = (): Codes => {
    const literals = number(5) + 257;
    const distances = number(5) + 1;
    const count = number(4) + 4;
    const lengthLengths = lengths(19, 0);
    for (let index = 0; index < count; index++) lengthLengths[ORDER[index]!] = number(3);
    const length = decoder(lengthLengths);
    const found: number[] = [];
    while (found.length < literals + distances) {
      const symbol = length();
      if (symbol < 16) found.push(symbol);
      else if (symbol === 16) found.push(...lengths(number(2) + 3, found.at(-1)!));
      else found.push(...lengths(symbol === 17 ? number(3) + 3 : number(7) + 11, 0));
    }
    return { literal: decoder(found.slice(0, literals)), distance: decoder(found.slice(literals)) };
  };

  while (!isFinal && Math.ceil(position / 8) < bytes.length) {
    isFinal = bit() === 1;
    const type = number(2);
    if (type === 0) copyStored();
    else if (type === 1) copyCompressed({ literal: decoder(FIXED), distance: decoder(lengths(30, 5)) });
    else if (type === 2) copyCompressed(readCodes());
    else throw new Error('a block of no known type');
  }
  return { bytes: Buffer.from(output.slice(history.length)), maxDistance, isFinal };
}
