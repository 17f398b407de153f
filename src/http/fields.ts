// HTTP header fields, and the tokens and lists that their values hold (RFC 9110 §5).
import { HttpError } from '../errors.js';

const TAB = 0x09;
const SPACE = 0x20;

/** 1 at the codes of the characters that a token is made of (RFC 9110 §5.6.2). */
const TOKEN_CHARACTERS = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  TOKEN_CHARACTERS[character.charCodeAt(0)] = 1;
}

// RFC 9110 §5.5: anything else would end the line, and what follows would be read as another header or the body.
const FORBIDDEN_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** The header fields of a request in order of arrival; letter case in names is ignored (RFC 9110 §5.1). */
export class HeaderFields {
  readonly #text: string;
  readonly #start: number;
  /**
   * Each name in lower case, and its value after it; `null` while only the text is kept. A list instead of a Map: the
   * parser bounds its length, and no name is special to it.
   */
  #fields: readonly string[] | null;

  /**
   * @internal Parses the lines of `text` from `start` up to the empty one, whose endings have been checked.
   * @throws HttpError 400 for a line that is no field.
   */
  constructor(text: string, start: number) {
    this.#text = text;
    this.#start = start;
    this.#fields = parseFields(text, start);
  }

  /**
   * @internal The fields of a head that someone else has parsed, such as the `rawHeaders` of `node:http`.
   * @param lines each as `[name, value]`, in order of arrival
   * @throws HttpError 400 for a name that is not a token, and a value that no head can hold.
   */
  static from(lines: Iterable<readonly [name: string, value: string]>): HeaderFields {
    let text = '';
    for (const [name, value] of lines) {
      if (!isToken(name) || FORBIDDEN_IN_VALUE.test(value)) throw fieldInvalid(name.charAt(0));
      text += `${name}: ${value}\r\n`;
    }
    return new HeaderFields(`${text}\r\n`, 0);
  }

  /** The value of the field; values of several lines are joined with `, ` (RFC 9110 §5.3). `null` if there is none. */
  get(name: string): string | null {
    const values = this.getAll(name);
    return values.length > 1 ? values.join(', ') : (values[0] ?? null);
  }

  /** The value of each line of that name, in order of arrival; empty if there is none. */
  getAll(name: string): readonly string[] {
    const wanted = name.toLowerCase();
    const fields = this.#all();
    const values: string[] = [];
    for (let position = 0; position < fields.length; position += 2) {
      if (fields[position] === wanted) values.push(fields[position + 1]);
    }
    return values;
  }

  /** Whether there is at least one line of that name. */
  has(name: string): boolean {
    return this.getAll(name).length > 0;
  }

  /** Each line as `[name, value]` in order of arrival, the name in lower case. */
  *[Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    const fields = this.#all();
    for (let position = 0; position < fields.length; position += 2) yield [fields[position], fields[position + 1]];
  }

  /** @internal Keeps only the text, and parses it whenever it is asked: a WebSocket lives long, and asks seldom. */
  compact(): void {
    this.#fields = null;
  }

  #all(): readonly string[] {
    return this.#fields ?? parseFields(this.#text, this.#start);
  }
}

function parseFields(text: string, start: number): string[] {
  const fields: string[] = [];
  for (;;) {
    const end = text.indexOf('\r\n', start);
    if (end === start) return fields;
    const colon = text.indexOf(':', start);
    // A line without a colon is no token either: up to the next colon there is its CR LF.
    if (!isToken(text, start, colon)) throw fieldInvalid(text.charAt(start));
    fields.push(text.slice(start, colon).toLowerCase(), trimWhitespace(text, colon + 1, end));
    start = end + 2;
  }
}

function fieldInvalid(firstCharacter: string): HttpError {
  // RFC 9112 §5.2: "A server that receives an obs-fold [...] MUST either reject the message by sending a 400 [...]"
  if (firstCharacter === ' ' || firstCharacter === '\t') {
    return new HttpError('FOLDING_OBSOLETE', 400, 'a header is folded; put each header on one line');
  }
  // RFC 9112 §5.1: "A server MUST reject [...] any received request message that contains whitespace between [...]"
  return new HttpError('HEADER_INVALID', 400, 'a header is a token, a colon at once, and a value; send that');
}

/**
 * The value of a field that may occur once only.
 *
 * @returns `null` if the field is absent
 * @throws HttpError 400 with `duplicateCode` if it occurs several times
 */
export function singleValue(headers: HeaderFields, name: string, duplicateCode: string): string | null {
  const values = headers.getAll(name);
  if (values.length > 1) {
    throw new HttpError(duplicateCode, 400, `the request has ${values.length} ${name} headers; send one`);
  }
  return values[0] ?? null;
}

/** Fields as an object, names in lower case; values of several lines are joined. */
export function toRecord(headers: HeaderFields): Record<string, string> {
  // Without a prototype, a name such as __proto__ is like any other.
  const record: Record<string, string> = Object.create(null);
  for (const [name] of headers) record[name] = headers.get(name)!;
  return record;
}

/** Whether the characters from `start` to before `end` are a token (RFC 9110 §5.6.2). */
export function isToken(text: string, start = 0, end = text.length): boolean {
  for (let position = start; position < end; position++) {
    if (!isTokenCharacter(text.charCodeAt(position))) return false;
  }
  return start < end;
}

/** @param code of a character, or `NaN` after the last one. */
export function isTokenCharacter(code: number): boolean {
  return TOKEN_CHARACTERS[code] === 1;
}

/** The characters from `start` to before `end` without spaces and tabs around them (OWS, RFC 9110 §5.6.3). */
export function trimWhitespace(text: string, start = 0, end = text.length): string {
  while (start < end && isWhitespace(text.charCodeAt(start))) start++;
  while (start < end && isWhitespace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

export function isWhitespace(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** The elements of a comma-separated list that spans all lines of a field, the empty ones too; unchecked. */
export function listElements(values: readonly string[]): string[] {
  const elements: string[] = [];
  for (const value of values) {
    for (const element of value.split(',')) elements.push(trimWhitespace(element));
  }
  return elements;
}

/**
 * Parses a list of tokens (`#token`, RFC 9110 §5.6.1) such as `Connection: keep-alive, Upgrade`.
 *
 * @param values the value of each line of the field
 * @returns the tokens as sent; letter case is kept
 * @throws HttpError 400 if an element is not a token
 */
export function parseTokenList(values: readonly string[]): string[] {
  // RFC 9110 §5.6.1.2: "A recipient MUST parse and ignore a reasonable number of empty list elements"
  const tokens = listElements(values).filter((element) => element !== '');
  for (const token of tokens) {
    if (!isToken(token)) {
      throw new HttpError('TOKEN_INVALID', 400, `${quote(token)} is not a token; separate tokens by commas`);
    }
  }
  return tokens;
}

/** Whether a list names a token, in any letter case; other elements may be anything. */
export function hasToken(values: readonly string[], token: string): boolean {
  return values.some((value) => {
    // Mostly the token is the whole value, and nothing shorter can hold it.
    if (value.length <= token.length) return value.toLowerCase() === token;
    return listElements([value]).some((element) => element.toLowerCase() === token);
  });
}

/**
 * The lines of header fields, in that order, each with its CR LF.
 *
 * @throws TypeError as `checkField`
 */
export function serializeFields(headers: Iterable<readonly [string, string]>): string {
  let fields = '';
  for (const [name, value] of headers) {
    checkField(name, value);
    fields += `${name}: ${value}\r\n`;
  }
  return fields;
}

/**
 * Checks that a header field may be written.
 *
 * @throws TypeError if the name is not a token, or the value is missing, or holds a control character or one beyond
 *   U+00FF
 */
export function checkField(name: string, value: string): void {
  if (!isToken(name)) throw new TypeError(`${JSON.stringify(name)} is not a header name; use letters and hyphens`);
  // To a template string they are text.
  if (value === undefined || value === null) {
    throw new TypeError(`the value of ${name} is ${String(value)}; give it one, or leave the field out`);
  }
  if (FORBIDDEN_IN_VALUE.test(value)) {
    throw new TypeError(`the value of ${name} holds a character that no header may hold; percent-encode it`);
  }
}

/** What a peer sent, made fit for a one-line message: at most 80 characters, all of them printable ASCII. */
export function quote(text: string): string {
  const excerpt = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  return `"${excerpt.replace(/[^\x20-\x7e]/g, '?')}"`;
}
