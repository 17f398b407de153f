// Fuzzes the parsers of request and response heads, and what the handshake reads out of a head.
//
// The invariant: for any bytes, in any pieces,
// - a head or an HttpError of docs/api.md comes out, and nothing else is thrown, here and in the checks behind;
// - the heads, and the error or else the number of bytes used, are the same however the bytes are cut;
// - what becomes a head matches the grammar, written down a second time as a regular expression, and its parts hold no
//   control character, no second line, at most 128 fields;
// - a request head that is written again by serializeRequestHead is read as the same head;
// - the buffers made are at most four times the bytes that arrived.
import { verifyUpgrade } from '../../src/handshake/client.js';
import type { HeaderFields } from '../../src/http/fields.js';
import { RequestHeadParser, type RequestHead } from '../../src/http/request-head.js';
import { ResponseHeadParser, type ResponseHead } from '../../src/http/response-head.js';
import { serializeRequestHead } from '../../src/http/serialize.js';
import { checkOrigin, isUpgrade, validateUpgrade } from '../../src/handshake/server.js';
import type { Random } from '../frame/random.js';
import { countAllocated } from './allocations.js';
import {
  answerErrors, describeError, requestErrors, responseErrors, upgradeErrors, type Documented,
} from './documented.js';
import {
  generateHeads, generateRequestHead, generateResponseHead, KEY, requestCorpus, responseCorpus,
} from './heads.js';
import { lendCut, lendWhole } from './pieces.js';
import { assertHolds, assertSame, type Target } from './target.js';

interface Parser<Head> {
  readonly rest: Buffer;
  push(chunk: Buffer): Head | null;
}

/** A kind of head: how it is read, and all that can be said about one. */
interface Kind<Head> {
  create(): Parser<Head>;
  readonly errors: Documented;
  /** All bytes of a head, empty lines before it included. */
  readonly grammar: RegExp;
  describe(head: Head): string;
}

const FIELDS = "(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\\t\\x20-\\x7e\\x80-\\xff]*\\r\\n)*\\r\\n$";

const requests: Kind<RequestHead> = {
  create: () => new RequestHeadParser(),
  errors: requestErrors,
  grammar: new RegExp(`^(?:\\r\\n)*[^ \\r\\n]+ [\\x21-\\x7e]+ HTTP/1\\.[0-9]\\r\\n${FIELDS}`),
  describe(head) {
    const { method, target, path, query, httpVersion, headers, host, bodyLength } = head;
    assertHolds('a path', path === '*' || (/^\/[\x21-\x7e]*$/.test(path) && !/[?#]/.test(path)), () => path);
    assertHolds('a method', /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/.test(method), () => method);
    assertHolds('a host', host === null ? httpVersion === '1.0' : /^[\x21-\x7e]+$/.test(host), () => String(host));
    const line = `${method} ${target} ${path} ${query} ${httpVersion}`;
    return `${line} ${host} ${checkLength(bodyLength)} ${describe(headers)}`;
  },
};

const responses: Kind<ResponseHead> = {
  create: () => new ResponseHeadParser(),
  errors: responseErrors,
  grammar: new RegExp(`^HTTP/1\\.[0-9] [1-5]\\d\\d(?: [^\\r\\n]*)?\\r\\n${FIELDS}`),
  describe({ status, headers, bodyLength }) {
    assertHolds('a status', Number.isInteger(status) && status >= 100 && status <= 599, () => String(status));
    return `${status} ${bodyLength === null ? null : checkLength(bodyLength)} ${describe(headers)}`;
  },
};

function checkLength(length: number | 'chunked'): number | 'chunked' {
  const isLength = length === 'chunked' || (Number.isSafeInteger(length) && length >= 0);
  assertHolds('the length of a body', isLength, () => String(length));
  return length;
}

function describe(headers: HeaderFields): string {
  let text = '';
  let count = 0;
  for (const [name, value] of headers) {
    assertHolds('a name', /^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name), () => name);
    const isValue = !/[^\t\x20-\x7e\x80-\xff]|^[ \t]|[ \t]$/.test(value);
    assertHolds('a value', isValue, () => JSON.stringify(value));
    text += `${name}=${value}\n`;
    count++;
  }
  assertHolds('at most 128 fields', count <= 128, () => String(count));
  return text;
}

/** All heads of the input, how many bytes they took, and the error that ended them. */
class Reading<Head> {
  text = '';
  readonly heads: Head[] = [];
  /** Where each of them ended. */
  readonly ends: number[] = [];
  readonly #kind: Kind<Head>;
  readonly #parser: Parser<Head>;
  #used = 0;

  constructor(kind: Kind<Head>) {
    this.#kind = kind;
    this.#parser = kind.create();
  }

  /** Takes the next piece; `false` after an error. */
  feed(piece: Buffer): boolean {
    let rest = piece;
    while (rest.length > 0) {
      try {
        const head = this.#parser.push(rest);
        this.#used += rest.length - this.#parser.rest.length;
        if (head === null) return true;
        this.heads.push(head);
        this.ends.push(this.#used);
      } catch (error) {
        this.text += describeError(error, this.#kind.errors);
        return false;
      }
      rest = this.#parser.rest;
    }
    return true;
  }

  finish(): string {
    // Behind an error nobody needs to know how far it was.
    if (this.text === '') this.text = String(this.#used);
    for (const head of this.heads) this.text += `|${this.#kind.describe(head)}`;
    return this.text;
  }
}

function checkHeads<Head>(kind: Kind<Head>, input: Buffer, random: Random, inspect: (head: Head) => void): void {
  const whole = new Reading(kind);
  const cut = new Reading(kind);
  lendWhole(input, (piece) => whole.feed(piece));
  const allocated = countAllocated(() => lendCut(input, random, (piece) => cut.feed(piece)));
  assertSame('the same result however the bytes are cut', cut.finish(), whole.finish());
  assertHolds('bounded memory', allocated <= 4 * input.length, () => `${allocated} for ${input.length} bytes`);
  whole.heads.forEach((head, number) => {
    const bytes = input.toString('latin1', whole.ends[number - 1] ?? 0, whole.ends[number]);
    assertHolds('what the grammar says', kind.grammar.test(bytes), () => JSON.stringify(bytes));
    inspect(head);
  });
}

/** What the server does with a request head; returns or throws a documented error. */
function inspectRequest(head: RequestHead): void {
  isUpgrade(head);
  try {
    const offer = validateUpgrade(head);
    assertHolds('a key of 16 bytes', Buffer.from(offer.key, 'base64').length === 16, () => offer.key);
    checkOrigin(head, []);
  } catch (error) {
    describeError(error, upgradeErrors);
  }
  const bytes = Buffer.from(serializeRequestHead(head.method, head.target, head.headers), 'latin1');
  // "HTTP/1.0" becomes "HTTP/1.1" here, for which other rules hold.
  if (head.httpVersion === '1.0' || bytes.length >= 16_384) return;
  const again = new RequestHeadParser().push(bytes);
  assertSame('written and read again', again === null ? 'no head' : requests.describe(again), requests.describe(head));
}

/** What the client does with a response head. */
function inspectResponse(head: ResponseHead): void {
  try {
    const offer = { key: KEY, subprotocols: ['chat'], deflate: { contextTakeover: true, windowBits: 15 } };
    const { subprotocol } = verifyUpgrade(head, offer);
    const wasOffered = subprotocol === null || subprotocol === 'chat';
    assertHolds('a subprotocol that was offered', wasOffered, () => String(subprotocol));
  } catch (error) {
    describeError(error, answerErrors);
  }
}

export const requestHead: Target = {
  name: 'request-head',
  concurrency: 256,
  obstacle: null,
  corpus: requestCorpus,
  generate: (random) => generateHeads(random, generateRequestHead, requestCorpus),
  check: (input, random) => checkHeads(requests, input, random, inspectRequest),
};

export const responseHead: Target = {
  name: 'response-head',
  concurrency: 256,
  obstacle: null,
  corpus: responseCorpus,
  generate: (random) => generateHeads(random, generateResponseHead, responseCorpus),
  check: (input, random) => checkHeads(responses, input, random, inspectResponse),
};
