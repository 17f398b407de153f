// Fuzzes the decoder of message bodies: by length and chunked (RFC 9112 §6, §7.1).
//
// The invariant: for any bytes, in any pieces,
// - the decoder takes them, or throws CHUNKED_INVALID or BODY_TOO_LARGE, and nothing else;
// - body, completeness, error and the number of bytes used are the same however the bytes are cut;
// - they are what the plainest chunked decoder says, which looks at all bytes at once;
// - the body is never over its limit, and the buffers made are at most eight times what arrived.
import { BodyDecoder } from '../../src/handshake/body.js';
import type { Random } from '../frame/random.js';
import { countAllocated } from './allocations.js';
import { bodyErrors, describeError } from './documented.js';
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
      this.error = describeError(error, bodyErrors);
    }
  }
}

const BROKEN = 'CHUNKED_INVALID 400';
const TOO_LARGE = 'BODY_TOO_LARGE 413';

/** The same by looking at all bytes at once. */
function readPlainly(bytes: Buffer, { length, maxBytes }: Mode): string {
  if (length === 'chunked') return readChunksPlainly(bytes.toString('latin1'), maxBytes);
  if (length > maxBytes) return TOO_LARGE;
  const used = Math.min(length, bytes.length);
  return `${used === length} ${used} ${bytes.toString('latin1', 0, used)}`;
}

function readChunksPlainly(text: string, maxBytes: number): string {
  let body = '';
  for (let position = 0; ; ) {
    const line = lineAt(text, position);
    if (typeof line !== 'string') return line === null ? `false ${text.length} ${body}` : BROKEN;
    position += line.length + 2;
    const digits = /^([0-9A-Fa-f]{1,12})[ \t]*(?:;|$)/.exec(line)?.[1];
    if (digits === undefined) return BROKEN;
    const size = parseInt(digits, 16);
    if (body.length + size > maxBytes) return TOO_LARGE;
    if (size === 0) return readTrailersPlainly(text, position, body);
    body += text.slice(position, position + size);
    position += size;
    if (position >= text.length) return `false ${text.length} ${body}`;
    const behind = lineAt(text, position);
    if (behind === null) return `false ${text.length} ${body}`;
    if (behind !== '') return BROKEN;
    position += 2;
  }
}

function readTrailersPlainly(text: string, position: number, body: string): string {
  for (let count = 0; ; count++) {
    const line = lineAt(text, position);
    if (typeof line !== 'string') return line === null ? `false ${text.length} ${body}` : BROKEN;
    position += line.length + 2;
    if (line === '') return `true ${position} ${body}`;
    if (count === 128) return BROKEN;
  }
}

/** A line without its CR LF; `null` if it is unfinished, `false` if it is broken. */
function lineAt(text: string, position: number): string | null | false {
  const allowed = /[^\0-\x08\x0a-\x1f]*/y;
  allowed.lastIndex = position;
  const [line] = allowed.exec(text)!;
  const end = position + line.length;
  const ending = text.slice(end, end + 2);
  // A line has at most 4096 bytes with its CR.
  if (line.length + (ending === '' ? 0 : 1) > 4096) return false;
  if (ending === '\r\n') return line;
  return ending === '' || ending === '\r' ? null : false;
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
  `1;${'e'.repeat(4094)}\r\na\r\n0\r\n\r\n`,
  `1;${'e'.repeat(4095)}\r\na\r\n0\r\n\r\n`,
  `0\r\n${'a: b\r\n'.repeat(129)}\r\n`,
].flatMap((text) => modes.map((_, mode) => Buffer.concat([Buffer.of(mode), Buffer.from(text, 'latin1')])));

const SIZES = [0, 1, 2, 5, 16, 63, 64, 65, 300];
const EXTENSIONS = ['', '', '', '', ';a', ' ;a=b', ';a="b;c"', '\t', ' ', '\u00a0', ';'];

function generate(random: Random): Buffer {
  if (random.chance(0.05)) return mutate(random.pick(corpus), random, httpDictionary);
  let text = String.fromCharCode(random.chance(0.6) ? 0 : random.integer(0, 255));
  do {
    const size = random.pick(SIZES);
    const digits = size.toString(16).padStart(random.chance(0.1) ? 4 : 1, '0');
    const data = 'hello, chunks; 0\r\n\r\n'.repeat(16).slice(0, random.chance(0.98) ? size : size + 1);
    text += `${random.chance(0.5) ? digits : digits.toUpperCase()}${random.pick(EXTENSIONS)}\r\n${data}\r\n`;
  } while (random.chance(0.6));
  if (random.chance(0.8)) text += random.chance(0.8) ? '0\r\n\r\n' : '0\r\nA: b\r\nC: d\r\n\r\nGET';
  return mutate(Buffer.from(text, 'latin1'), random, httpDictionary);
}

export const body: Target = { name: 'body', concurrency: 256, obstacle: null, corpus, generate, check };
