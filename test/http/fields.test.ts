// Header fields, and the grammars of the lists in their values (RFC 9110 §5, RFC 6455 §9.1).
import * as assert from 'uvu/assert';
import {
  HeaderFields,
  isToken,
  listElements,
  parseExtensions,
  parseTokenList,
  quote,
  singleValue,
  trimWhitespace,
} from '../../src/http/fields.js';
import { suite } from '../runner/suite.js';
import { assertRefused, refusal } from '../handshake/refusal.js';

const test = suite('http/fields');

// If anything were quadratic in this, the test would not end: 2^44 steps.
const HUGE = 1 << 22;

const PROTOTYPE_NAMES = ['constructor', '__proto__', 'toString', 'hasOwnProperty'];

function fields(...lines: [name: string, value: string][]): HeaderFields {
  return new HeaderFields(`start${lines.map(([name, value]) => `${name}:${value}\r\n`).join('')}\r\nrest`, 5);
}

test('RFC 9110 §5.1: letter case in a name is ignored', () => {
  const headers = fields(['X-Mixed', 'Kept']);
  for (const name of ['x-mixed', 'X-MIXED', 'X-Mixed']) {
    assert.is(headers.get(name), 'Kept');
    assert.equal(headers.getAll(name), ['Kept']);
    assert.is(headers.has(name), true);
  }
});

test('RFC 9110 §5.3: values of several lines are joined in order', () => {
  const headers = fields(['Accept', 'a'], ['Other', 'x'], ['accept', ''], ['ACCEPT', 'b, c']);
  assert.is(headers.get('accept'), 'a, , b, c');
  assert.equal(headers.getAll('accept'), ['a', '', 'b, c']);
});

test('an absent field is null, not empty', () => {
  const headers = fields(['Empty', '']);
  assert.is(headers.get('absent'), null);
  assert.equal(headers.getAll('absent'), []);
  assert.is(headers.has('absent'), false);
  assert.is(headers.get('empty'), '');
  assert.is(headers.has('empty'), true);
});

test('iteration gives each line in order of arrival, names in lower case', () => {
  const headers = fields(['B', '1'], ['A', '2'], ['b', '3']);
  assert.equal([...headers], [['b', '1'], ['a', '2'], ['b', '3']]);
  assert.equal([...headers].length, 3, 'a second time too');
});

test('names of Object.prototype are ordinary names', () => {
  for (const name of PROTOTYPE_NAMES) {
    assert.is(fields().get(name), null);
    assert.is(fields().has(name), false);
    assert.is(fields([name, 'value']).get(name), 'value');
    assert.equal([...fields([name, 'value'])], [[name.toLowerCase(), 'value']]);
  }
});

test('what is kept as text only is there when somebody asks', () => {
  const headers = fields(['B', '1'], ['A', '2'], ['b', '3']);
  headers.compact();
  assert.is(headers.get('B'), '1, 3');
  headers.compact();
  assert.equal([...headers], [['b', '1'], ['a', '2'], ['b', '3']]);
  headers.compact();
  assert.is(headers.has('a'), true);
  assert.is(headers.has('c'), false);
});

test('a list that was handed out changes nothing', () => {
  const headers = fields(['a', '1']);
  (headers.getAll('a') as string[]).push('2');
  assert.equal(headers.getAll('a'), ['1']);
});

test('a single value may be absent, but not repeated', () => {
  assert.is(singleValue(fields(), 'host', 'HOST_DUPLICATE'), null);
  assert.is(singleValue(fields(['Host', 'a']), 'host', 'HOST_DUPLICATE'), 'a');
  assert.is(singleValue(fields(['Host', '']), 'host', 'HOST_DUPLICATE'), '');
  const action = (): unknown => singleValue(fields(['Host', 'a'], ['host', 'a']), 'host', 'HOST_DUPLICATE');
  assertRefused(action, 'HOST_DUPLICATE', 400);
});

test('RFC 9110 §5.6.2: a token is made of exactly these 77 characters', () => {
  const expected = "!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~";
  const characters = Array.from({ length: 0x300 }, (_, code) => String.fromCharCode(code));
  assert.is(characters.filter((character) => isToken(character)).join(''), expected);
  assert.is(expected.length, 77);
});

test('a token is never empty, and may be a part of a text', () => {
  assert.is(isToken(''), false);
  assert.is(isToken('a b'), false);
  assert.is(isToken('a b', 0, 1), true);
  assert.is(isToken('a b', 2, 3), true);
  assert.is(isToken('a b', 1, 1), false);
});

test('RFC 9110 §5.6.3: whitespace is spaces and tabs, nothing else', () => {
  assert.is(trimWhitespace(' \t a \t b\t '), 'a \t b');
  assert.is(trimWhitespace(' \t '), '');
  assert.is(trimWhitespace(''), '');
  assert.is(trimWhitespace('\u00a0a\u00a0'), '\u00a0a\u00a0');
  assert.is(trimWhitespace('x: a ;', 2, 5), 'a');
});

test('list elements are split over all lines, the empty ones kept', () => {
  assert.equal(listElements([]), []);
  assert.equal(listElements(['']), ['']);
  assert.equal(listElements([' a ,b', ',c d,']), ['a', 'b', '', 'c d', '']);
});

const tokenLists: [name: string, values: string[], expected: string[]][] = [
  ['no line', [], []],
  ['one token', ['Upgrade'], ['Upgrade']],
  ['letter case kept', ['Keep-Alive, UPGRADE'], ['Keep-Alive', 'UPGRADE']],
  ['several lines', ['a, b', 'c'], ['a', 'b', 'c']],
  ['no whitespace', ['a,b'], ['a', 'b']],
  ['much whitespace', [' \ta\t ,\t\tb '], ['a', 'b']],
  ['empty elements', ['', ',a,,', ' , ,b'], ['a', 'b']],
  ['only empty elements', [',,, ,'], []],
  ['repeated tokens', ['a, a'], ['a', 'a']],
  ['prototype names', [PROTOTYPE_NAMES.join()], PROTOTYPE_NAMES],
];
for (const [name, values, expected] of tokenLists) {
  test(`RFC 9110 §5.6.1: token list of ${name}`, () => assert.equal(parseTokenList(values), expected));
}

const badTokenLists: [name: string, values: string[]][] = [
  ['two words', ['a b']],
  ['a quoted string', ['"a"']],
  ['a parameter', ['a;q=1']],
  ['a slash', ['HTTP/2.0']],
  ['a byte beyond ASCII', ['caf\u00e9']],
  ['a no-break space', ['\u00a0a']],
  ['a control character', ['a\u0000']],
  ['a bad second line', ['a', '@']],
];
for (const [name, values] of badTokenLists) {
  test(`RFC 9110 §5.6.1: token list with ${name}`, () => {
    assertRefused(() => parseTokenList(values), 'TOKEN_INVALID', 400);
  });
}

const extensionLists: [name: string, value: string, expected: ReturnType<typeof parseExtensions>][] = [
  ['one name', 'foo', [{ name: 'foo', parameters: [] }]],
  [
    'the offer of a browser',
    'permessage-deflate; client_max_window_bits',
    [{ name: 'permessage-deflate', parameters: [['client_max_window_bits', true]] }],
  ],
  [
    'the examples of §9.1',
    'deflate-stream, mux; max-channels=4; flow-control, deflate-stream',
    [
      { name: 'deflate-stream', parameters: [] },
      { name: 'mux', parameters: [['max-channels', '4'], ['flow-control', true]] },
      { name: 'deflate-stream', parameters: [] },
    ],
  ],
  ['a quoted value', 'a; b="10"', [{ name: 'a', parameters: [['b', '10']] }]],
  ['an escaped value', 'a; b="\\1\\0"', [{ name: 'a', parameters: [['b', '10']] }]],
  ['a repeated parameter', 'a; b=1; b=2; b', [{ name: 'a', parameters: [['b', '1'], ['b', '2'], ['b', true]] }]],
  ['letter case kept', 'Foo; Bar=Baz', [{ name: 'Foo', parameters: [['Bar', 'Baz']] }]],
  ['implied whitespace', '\t a ;\tb \t=  "c" , d ', [
    { name: 'a', parameters: [['b', 'c']] },
    { name: 'd', parameters: [] },
  ]],
  ['no whitespace', 'a;b=1,c', [{ name: 'a', parameters: [['b', '1']] }, { name: 'c', parameters: [] }]],
  ['empty elements', ', ,a,,b,', [{ name: 'a', parameters: [] }, { name: 'b', parameters: [] }]],
  ['prototype names', 'constructor; __proto__; toString=valueOf', [
    { name: 'constructor', parameters: [['__proto__', true], ['toString', 'valueOf']] },
  ]],
  ['the extension __proto__', '__proto__; __proto__=__proto__', [
    { name: '__proto__', parameters: [['__proto__', '__proto__']] },
  ]],
];
for (const [name, value, expected] of extensionLists) {
  test(`§9.1: extension list of ${name}`, () => assert.equal(parseExtensions(value), expected));
}

const badExtensionLists: [name: string, value: string, place: number][] = [
  ['nothing', '', 1],
  ['only commas', ',, ,', 5],
  ['no name before a parameter', ',;constructor', 2],
  ['no name at all', ';a', 1],
  ['no parameter behind the semicolon', 'a;', 3],
  ['an empty parameter', 'a;;b', 3],
  ['a comma for a parameter', 'a; ,b', 4],
  ['no value behind the equals sign', 'a; b=', 6],
  ['a semicolon for a value', 'a; b=;c', 6],
  ['two equals signs', 'a; b==c', 6],
  ['a value for the name', 'a=b', 2],
  ['two names', 'a b', 3],
  ['two values', 'a; b=c d', 8],
  ['text behind a quoted value', 'a; b="c"d', 9],
  ['an empty quoted value', 'a; b=""', 7],
  ['a quoted value that is no token', 'a; b="c d"', 8],
  ['a quoted comma', 'a; b="c,d"', 8],
  ['an escaped quotation mark, which no token has', 'a; b="c\\"d"', 9],
  ['an escaped backslash', 'a; b="c\\\\d"', 9],
  ['a quoted string that never closes', 'a; b="c', 8],
  ['an escape at the end', 'a; b="c\\', 9],
  ['nothing but a quotation mark', 'a; b="', 7],
  ['a quoted name', '"a"', 1],
  ['a quoted parameter', 'a; "b"', 4],
  ['a byte beyond ASCII', 'a; b=\u00e9', 6],
  ['a character beyond latin1', 'a; \u4f60', 4],
  ['a no-break space', 'a;\u00a0b', 3],
  ['a slash', 'a/b', 2],
];
for (const [name, value, place] of badExtensionLists) {
  test(`§9.1: extension list with ${name}`, () => {
    const error = refusal(() => parseExtensions(value));
    assert.is(error.code, 'EXTENSIONS_INVALID');
    assert.is(error.status, 400);
    assert.match(error.message, new RegExp(`at character ${place}$`));
  });
}

test('millions of spaces are read in linear time (CVE-2021-32640)', () => {
  const spaces = ' '.repeat(HUGE);
  assertRefused(() => parseTokenList([`b${spaces}x`]), 'TOKEN_INVALID', 400);
  assert.equal(parseTokenList([`${spaces}b${spaces},${spaces}`]), ['b']);
  assertRefused(() => parseExtensions(`b${spaces}x`), 'EXTENSIONS_INVALID', 400);
  assert.equal(parseExtensions(`${spaces}b${spaces};${spaces}c${spaces}`), [{ name: 'b', parameters: [['c', true]] }]);
});

test('millions of separators are read in linear time', () => {
  assert.equal(parseTokenList([','.repeat(HUGE)]), []);
  assertRefused(() => parseExtensions(','.repeat(HUGE)), 'EXTENSIONS_INVALID', 400);
  assertRefused(() => parseExtensions(`a${';'.repeat(HUGE)}`), 'EXTENSIONS_INVALID', 400);
  assert.is(parseExtensions(`a${';b=c'.repeat(HUGE >> 2)}`)[0].parameters.length, HUGE >> 2);
});

test('quoted strings that never close fail in linear time (CVE-2020-7662)', () => {
  assertRefused(() => parseExtensions(`a; b="${'\\c'.repeat(HUGE)}`), 'EXTENSIONS_INVALID', 400);
  assertRefused(() => parseExtensions(`a; b="${'c'.repeat(HUGE)}`), 'EXTENSIONS_INVALID', 400);
  assertRefused(() => parseExtensions('a; b="'.repeat(HUGE >> 2)), 'EXTENSIONS_INVALID', 400);
});

test('a quotation from the peer is short, printable and on one line', () => {
  assert.is(quote('chat v1'), '"chat v1"');
  assert.is(quote('a\r\nb\u0000\u001b[31m\u00e9\u4f60'), '"a??b??[31m??"');
  assert.is(quote('x'.repeat(80)), `"${'x'.repeat(80)}"`);
  assert.is(quote('x'.repeat(81)), `"${'x'.repeat(77)}..."`);
});

test.run();
