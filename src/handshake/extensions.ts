// The value of Sec-WebSocket-Extensions: the extensions that are offered or accepted, with parameters (RFC 6455 §9.1).
import { HandshakeError } from '../errors.js';
import { isTokenCharacter, isWhitespace } from '../http/fields.js';

const QUOTATION_MARK = 0x22;
const BACKSLASH = 0x5c;

/** An extension that is offered, with its parameters in order of arrival (RFC 6455 §9.1). */
export interface Extension {
  readonly name: string;
  /** Names may repeat: whether that is an error is for the extension to say. `true` stands for no value. */
  readonly parameters: readonly (readonly [name: string, value: string | true])[];
}

/**
 * Parses the value of `Sec-WebSocket-Extensions` (RFC 6455 §9.1).
 *
 * @param value the values of all lines joined with commas
 * @returns at least one extension, in order of preference
 * @throws HandshakeError 400 if the value breaks the grammar
 */
export function parseExtensions(value: string): Extension[] {
  const scanner = new ExtensionScanner(value);
  const extensions: Extension[] = [];
  do {
    if (scanner.isAtSeparator()) continue;
    extensions.push(parseExtension(scanner));
  } while (scanner.take(','));
  if (!scanner.isAtEnd()) throw scanner.unexpected('"," or ";"');
  if (extensions.length === 0) throw scanner.unexpected('an extension');
  return extensions;
}

function parseExtension(scanner: ExtensionScanner): Extension {
  const name = scanner.takeToken();
  const parameters: [string, string | true][] = [];
  while (scanner.take(';')) {
    const parameter = scanner.takeToken();
    parameters.push([parameter, scanner.take('=') ? scanner.takeValue() : true]);
  }
  return { name, parameters };
}

/** A cursor that only moves forward; whitespace is allowed between any two parts ("implied *LWS", RFC 6455 §9.1). */
class ExtensionScanner {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  isAtEnd(): boolean {
    return this.#next() === '';
  }

  isAtSeparator(): boolean {
    return this.#next() === '' || this.#next() === ',';
  }

  take(character: string): boolean {
    if (this.#next() !== character) return false;
    this.#position++;
    return true;
  }

  takeToken(): string {
    this.#next();
    const start = this.#position;
    while (isTokenCharacter(this.#text.charCodeAt(this.#position))) this.#position++;
    if (this.#position === start) throw this.unexpected('a token');
    return this.#text.slice(start, this.#position);
  }

  takeValue(): string {
    return this.take('"') ? this.#takeQuoted() : this.takeToken();
  }

  // §9.1: "the value after quoted-string unescaping MUST conform to the 'token' ABNF"
  #takeQuoted(): string {
    let value = '';
    for (;;) {
      let code = this.#text.charCodeAt(this.#position);
      if (code === QUOTATION_MARK && value !== '') break;
      if (code === BACKSLASH) code = this.#text.charCodeAt(++this.#position);
      if (!isTokenCharacter(code)) throw this.unexpected('a token in quotation marks');
      value += String.fromCharCode(code);
      this.#position++;
    }
    this.#position++;
    return value;
  }

  unexpected(expected: string): HandshakeError {
    const place = `at character ${this.#position + 1}`;
    return new HandshakeError('EXTENSIONS_INVALID', 400, `Sec-WebSocket-Extensions needs ${expected} ${place}`);
  }

  #next(): string {
    while (isWhitespace(this.#text.charCodeAt(this.#position))) this.#position++;
    return this.#text.charAt(this.#position);
  }
}
