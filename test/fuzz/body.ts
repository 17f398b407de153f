// Fuzzes the decoder of message bodies: by length and chunked (RFC 9112 §6, §7.1).
//
// The invariant: for any bytes, in any pieces,
// - the decoder takes them, or throws CHUNKED_INVALID, BODY_TOO_LARGE or what bad fields cause, and nothing else;
// - body, completeness, error and the number of bytes used are the same however the bytes are cut;
// - they are what the plainest chunked decoder says, which looks at all bytes at once;
// - the body is never over its limit, and the buffers made are at most eight times what arrived.
import { BodyDecoder } from '../../src/http/body.js';
import type { Random } from '../frame/random.js';
import { countAllocated } from './allocations.js';
import { bodyErrors, describeError, fieldErrors } from './documented.js';
import { httpDictionary } from './heads.js';
import { mutate } from './mutate.js';
import { lendCut, lendWhole } from './pieces.js';
import { assertHolds, assertSame, type Target } from './target.js';

/** The first byte of an input tells how the body is framed, and its limit. */
interface Mode {
  readonly length: number | 'chunked';
  readonly maxBytes: number;
}

const modes: readonly Mode[] = [
  { length: 'chunked', maxBytes: 1 << 20 },
  { length: 'chunked', maxBytes: 64 },
  { length: 'chunked', maxBytes: 0 },
  { length: 'chunked', maxBytes: Infinity },
  { length: 100, maxBytes: 1 << 20 },
  { length: 100, maxBytes: 100 },
  { length: 100, maxBytes: 99 },
  { length: 0, maxBytes: 0 },
  { length: Infinity, maxBytes: Infinity },
];

function modeOf(input: Buffer): Mode {
  return modes[(input[0] ?? 0) % modes.length]!;
}

/** How one decoder fared. */
class Reading {
  error = '';
  #decoder: BodyDecoder | null = null;
  #used = 0;

  constructor({ length, maxBytes }: Mode) {
    this.#attempt(() => (this.#decoder = new BodyDecoder(length, maxBytes)));
  }

  feed(piece: Buffer): boolean {
    this.#attempt(() => (this.#used += this.#decoder!.push(piece)));
    return this.error === '' && !this.#decoder!.isComplete;
  }

  get body(): Buffer {
    return this.#decoder?.bytes ?? Buffer.alloc(0);
  }

  describe(): string {
    if (this.error !== '') return this.error;
    return `${this.#decoder!.isComplete} ${this.#used} ${this.body.toString('latin1')}`;
  }

  #attempt(run: () => void): void {
    if (this.error !== '') return;
    try {
      run();
    } catch (error) {
      const told = describeError(error, bodyErrors);
      this.error = TRAILER_ERRORS.includes(told) ? BAD_TRAILERS : told;
    }
  }
}

const BROKEN = 'CHUNKED_INVALID 400';
const TOO_LARGE = 'BODY_TOO_LARGE 413';

/** Which of several faults of trailers is told is for the tests of heads to say. */
const BAD_TRAILERS = 'bad trailers';
const TRAILER_ERRORS = Object.entries(fieldErrors).map(([code, status]) => `${code} ${status}`);

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const QUOTED = '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*"';
const EXTENSION = new RegExp(`[ \\t]*;[ \\t]*${TOKEN}(?:[ \\t]*=[ \\t]*(?:${TOKEN}|${QUOTED}))?`, 'y');

/** The same by looking at all bytes at once. */
function readPlainly(bytes: Buffer, { length, maxBytes }: Mode): string {
  if (length === 'chunked') return readChunksPlainly(bytes.toString('latin1'), maxBytes);
  if (length > maxBytes) return TOO_LARGE;
  const used = Math.min(length, bytes.length);
  return `${used === length} ${used} ${bytes.toString('latin1', 0, used)}`;
}

function readChunksPlainly(text: string, maxBytes: number): string {
  let body = '';
  let unused = 16_384;
  for (let position = 0; ; ) {
    const lineFeed = text.indexOf('\n', position);
    const line = text.slice(position, lineFeed === -1 ? undefined : lineFeed + 1);
    // The longest size, CR and LF.
    if (line.length > unused + 14) return BROKEN;
    if (lineFeed === -1) return `false ${text.length} ${body}`;
    position += line.length;
    const digits = /^[0-9A-Fa-f]{1,12}/.exec(line)?.[0];
    if (digits === undefined || skipExtensions(line, digits.length) !== line.length - 2) return BROKEN;
    unused -= line.length - 2 - digits.length;
    if (unused < 0 || !line.endsWith('\r\n')) return BROKEN;
    const size = parseInt(digits, 16);
    if (body.length + size > maxBytes) return TOO_LARGE;
    if (size === 0) return readTrailersPlainly(text, position, body);
    body += text.slice(position, position + size);
    position += size;
    const ending = text.slice(position, position + 2);
    if (!'\r\n'.startsWith(ending)) return BROKEN;
    if (ending.length < 2) return `false ${text.length} ${body}`;
    position += 2;
  }
}

/** Where the extensions end that begin at `position`. */
function skipExtensions(line: string, position: number): number {
  for (;;) {
    EXTENSION.lastIndex = position;
    if (!EXTENSION.test(line)) return position;
    position = EXTENSION.lastIndex;
  }
}

function readTrailersPlainly(text: string, position: number, body: string): string {
  const rest = text.slice(position);
  const end = rest.startsWith('\r\n') ? 2 : rest.indexOf('\r\n\r\n') + 4;
  const isWhole = end > 3 || rest.startsWith('\r\n');
  const section = isWhole ? rest.slice(0, end) : rest;
  if (isWhole ? section.length > 16_384 : section.length >= 16_384) return BAD_TRAILERS;
  if (!/^[\t\x20-\x7e\x80-\xff]*(?:\r\n[\t\x20-\x7e\x80-\xff]*)*\r?$/.test(section)) return BAD_TRAILERS;
  const lines = section.split('\r\n').slice(0, -1).filter((line) => line !== '');
  if (lines.length > 128) return BAD_TRAILERS;
  if (!isWhole) return `false ${text.length} ${body}`;
  const isField = new RegExp(`^${TOKEN}:`);
  return lines.every((line) => isField.test(line)) ? `true ${position + end} ${body}` : BAD_TRAILERS;
}

function check(input: Buffer, random: Random): void {
  const mode = modeOf(input);
  const bytes = input.subarray(1);
  const whole = new Reading(mode);
  const cut = new Reading(mode);
  lendWhole(bytes, (piece) => whole.feed(piece));
  const allocated = countAllocated(() => lendCut(bytes, random, (piece) => cut.feed(piece)));
  const result = whole.describe();
  assertSame('the same result however the bytes are cut', cut.describe(), result);
  assertSame('what the plain decoder says', result, readPlainly(bytes, mode));
  assertHolds('within the limit', whole.body.length <= mode.maxBytes, () => `${whole.body.length} bytes`);
  assertHolds('bounded memory', allocated <= 8 * bytes.length, () => `${allocated} for ${bytes.length} bytes`);
}

const corpus = [
  '0\r\n\r\n',
  '5\r\nhello\r\n0\r\n\r\n',
  '5;name=value;other="quoted; still"\r\nhello\r\n0\r\n\r\n',
  'A \r\n0123456789\r\n00\r\nTrailer: value\r\n\r\nGET / HTTP/1.1\r\n',
  '5\nhello\r\n0\r\n\r\n',
  '5\r\nhello!\r\n0\r\n\r\n',
  '-1\r\n\r\n',
  '0x5\r\nhello\r\n0\r\n\r\n',
  'ffffffffffff\r\n',
  '1000000000000\r\n',
  '5\u00a0\r\nhello\r\n0\r\n\r\n',
  `1;${'e'.repeat(16_383)}\r\na\r\n0\r\n\r\n`,
  `1;${'e'.repeat(16_384)}\r\na\r\n0\r\n\r\n`,
  `1;${'e'.repeat(8191)}\r\na\r\n1;${'e'.repeat(8192)}\r\na\r\n0\r\n\r\n`,
  `0\r\na: ${'b'.repeat(16_384)}`,
  `0\r\n${'a: b\r\n'.repeat(129)}\r\n`,
].flatMap((text) => modes.map((_, mode) => Buffer.concat([Buffer.of(mode), Buffer.from(text, 'latin1')])));

const SIZES = [0, 1, 2, 5, 16, 63, 64, 65, 300];
const EXTENSIONS = [
  ...Array<string>(12).fill(''), ';a', ' ;a=b', ';a="b;c"', ';a\t=\t"\\""', ';a;b="\u00e9"', '\t', ' ', '\u00a0', ';',
  ';a ', ';a=', ';a="', ';"a"',
];
const TRAILERS = [
  'A: b\r\nC: d\r\n', 'A:\r\n', 'A: \u00e9\r\n', 'A : b\r\n', ' A: b\r\n', 'A\r\n', 'A: b\n', ': b\r\n',
];

function generate(random: Random): Buffer {
  if (random.chance(0.05)) return mutate(random.pick(corpus), random, httpDictionary);
  let text = String.fromCharCode(random.chance(0.6) ? 0 : random.integer(0, 255));
  do {
    const size = random.pick(SIZES);
    const digits = size.toString(16).padStart(random.chance(0.1) ? 4 : 1, '0');
    const data = 'hello, chunks; 0\r\n\r\n'.repeat(16).slice(0, random.chance(0.98) ? size : size + 1);
    text += `${random.chance(0.5) ? digits : digits.toUpperCase()}${random.pick(EXTENSIONS)}\r\n${data}\r\n`;
  } while (random.chance(0.6));
  if (random.chance(0.8)) text += random.chance(0.7) ? '0\r\n\r\n' : `0\r\n${random.pick(TRAILERS)}\r\nGET`;
  return mutate(Buffer.from(text, 'latin1'), random, httpDictionary);
}

export const body: Target = { name: 'body', concurrency: 256, obstacle: null, corpus, generate, check };
