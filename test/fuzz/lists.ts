// Fuzzes the lists in header fields: tokens (RFC 9110 §5.6.1) and extensions (RFC 6455 §9.1).
//
// The invariant: for any text of latin1 without line ends, as a head can hold it,
// - a list comes out, or TOKEN_INVALID or EXTENSIONS_INVALID with 400, and nothing else is thrown;
// - it is what the grammar, written down a second time as a regular expression, says;
// - it is the same if the field is cut into several lines at its commas;
// - written again it is read as the same.
import { parseExtensions, type Extension } from '../../src/handshake/extensions.js';
import { parseTokenList } from '../../src/http/fields.js';
import type { Random } from '../frame/random.js';
import { describeError } from './documented.js';
import { mutate } from './mutate.js';
import { assertHolds, assertSame, type Target } from './target.js';

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]";
const VALUE = `(?:(${TOKEN}+)|"((?:\\\\?${TOKEN})+)")`;
const PARAMETER = `[ \\t]*;[ \\t]*(${TOKEN}+)(?:[ \\t]*=[ \\t]*${VALUE})?`;
const ANONYMOUS_PARAMETER = PARAMETER.replaceAll(/\((?!\?)/g, '(?:');
const EXTENSION = new RegExp(`^[ \\t]*(${TOKEN}+)((?:${ANONYMOUS_PARAMETER})*)[ \\t]*$`);
const PARAMETERS = new RegExp(PARAMETER, 'g');
const IS_TOKEN = new RegExp(`^[ \\t]*(${TOKEN}+)[ \\t]*$`);
const IS_EMPTY = /^[ \t]*$/;

const TOKENS_INVALID = 'TOKEN_INVALID 400';
const EXTENSIONS_INVALID = 'EXTENSIONS_INVALID 400';

/** A list of tokens by the grammar. */
function tokensByGrammar(text: string): string {
  const elements = text.split(',').filter((element) => !IS_EMPTY.test(element));
  const tokens = elements.map((element) => IS_TOKEN.exec(element)?.[1]);
  return tokens.includes(undefined) ? TOKENS_INVALID : tokens.join(',');
}

/** A comma can't be a part of a value, quoted or not: the elements can be looked at one by one. */
function extensionsByGrammar(text: string): string {
  const elements = text.split(',').filter((element) => !IS_EMPTY.test(element));
  const extensions = elements.map((element) => {
    const [, name, parameters] = EXTENSION.exec(element) ?? [];
    if (name === undefined || parameters === undefined) return undefined;
    return name + [...parameters.matchAll(PARAMETERS)].map(([, parameter, token, quoted]) => {
      const value = token ?? quoted?.replaceAll('\\', '');
      return value === undefined ? `;${parameter}` : `;${parameter}=${value}`;
    }).join('');
  });
  return extensions.length === 0 || extensions.includes(undefined) ? EXTENSIONS_INVALID : extensions.join(',');
}

function write(extensions: readonly Extension[]): string {
  const writeParameter = ([name, value]: readonly [string, string | true]): string =>
    value === true ? `;${name}` : `;${name}=${value}`;
  return extensions.map(({ name, parameters }) => name + parameters.map(writeParameter).join('')).join(',');
}

const documented = { TOKEN_INVALID: 400, EXTENSIONS_INVALID: 400 } as const;

function outcome(parse: () => string): string {
  try {
    return parse();
  } catch (error) {
    return describeError(error, documented);
  }
}

/** The text as the values of several lines, as if it were cut at some of its commas. */
function cutIntoLines(text: string, random: Random): string[] {
  const values: string[] = [];
  for (const element of text.split(',')) {
    if (values.length > 0 && random.chance(0.5)) values.push(`${values.pop()},${element}`);
    else values.push(element);
  }
  return values;
}

function checkTokens(text: string, random: Random): void {
  const result = outcome(() => parseTokenList([text]).join(','));
  assertSame('what the grammar says', result, tokensByGrammar(text));
  const cut = outcome(() => parseTokenList(cutIntoLines(text, random)).join(','));
  assertSame('the same in several lines', cut, result);
}

function checkExtensions(text: string, random: Random): void {
  const result = outcome(() => write(parseExtensions(text)));
  assertSame('what the grammar says', result, extensionsByGrammar(text));
  const cut = outcome(() => write(parseExtensions(cutIntoLines(text, random).join(', '))));
  assertSame('the same in several lines', cut, result);
  if (result === EXTENSIONS_INVALID) return;
  assertSame('written and read again', outcome(() => write(parseExtensions(result))), result);
  assertHolds('names of tokens', parseExtensions(text).every(({ name }) => name !== ''), () => result);
}

const PARTS = [
  'permessage-deflate', 'client_max_window_bits', 'x-webkit-deflate-frame', 'a', '15', '"15"', '"\\1\\5"',
  '"', '""', '"a b"',
  ',', ', ', ';', '; ', '=', ' = ', ' ', '\t', '\\', '\u00e9', '\u00a0', '=8', ',,', '/', '(', '[',
];
const dictionary = PARTS.map((part) => Buffer.from(part, 'latin1'));

/** Which grammar an input is for, told by its first byte. */
const corpus = [
  'permessage-deflate',
  'permessage-deflate; client_max_window_bits, permessage-deflate',
  'permessage-deflate; server_max_window_bits=10; client_no_context_takeover',
  'a; b="c"; d = "\\e" , f;g',
  ',, a ,, b',
  '',
  ' ',
  ',',
  'a;',
  'a; b=',
  'a; b=""',
  'a; b="c',
  'a; b="c\\',
  'a; b="c d"',
  'keep-alive, Upgrade',
  '\u00a0a',
].flatMap((text) => ['0', '1'].map((grammar) => Buffer.from(grammar + text, 'latin1')));

function generate(random: Random): Buffer {
  if (random.chance(0.1)) return mutate(random.pick(corpus), random, dictionary);
  let text = random.pick(['0', '1']);
  do {
    text += random.pick(PARTS);
    while (random.chance(0.6)) {
      text += `${random.chance(0.7) ? '; ' : ''}${random.pick(PARTS)}`;
      if (random.chance(0.4)) text += `=${random.pick(PARTS)}`;
    }
    if (random.chance(0.4)) text += ',';
  } while (random.chance(0.5));
  return mutate(Buffer.from(text, 'latin1'), random, dictionary);
}

export const lists: Target = {
  name: 'lists',
  concurrency: 256,
  obstacle: null,
  corpus,
  generate,
  check(input, random) {
    const text = input.toString('latin1', 1).replaceAll(/[\0-\x08\x0a-\x1f\x7f]/g, '?');
    if ((input[0] ?? 0) % 2 === 0) checkTokens(text, random);
    else checkExtensions(text, random);
  },
};
