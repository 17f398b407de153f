// Header fields, and the grammars of the tokens and lists in their values (RFC 9110 §5).
import * as assert from 'uvu/assert';
import {
  hasToken, HeaderFields, isToken, listElements, parseTokenList, quote, singleValue, toRecord, trimWhitespace,
} from '../../src/http/fields.js';
import { suite } from '../runner/suite.js';
import { assertRefused } from '../handshake/refusal.js';

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

test('of a head that someone else has parsed, the lines are the same fields', () => {
  const headers = HeaderFields.from([['B', '1'], ['a', ' \t2 '], ['b', '\x80\xff, 3'], ['C', '']]);
  const expected = [['b', '1'], ['a', '2'], ['b', '\x80\xff, 3'], ['c', '']];
  assert.equal([...headers], expected);
  headers.compact();
  assert.equal([...headers], expected);
  assert.equal([...HeaderFields.from([])], []);
});

for (const name of ['', ' a', 'a ', 'a b', 'a:', ':path', 'a\r\nb', '\u00e9']) {
  test(`of a head that someone else has parsed, the name ${JSON.stringify(name)} is refused`, () => {
    const code = name === ' a' ? 'FOLDING_OBSOLETE' : 'HEADER_INVALID';
    assertRefused(() => HeaderFields.from([['a', 'b'], [name, 'c']]), code, 400);
  });
}

for (const value of ['\0', 'b\r\nc: d', 'b\n', '\r', '\x7f', '\u010a']) {
  test(`of a head that someone else has parsed, the value ${JSON.stringify(value)} is refused`, () => {
    assertRefused(() => HeaderFields.from([['a', value]]), 'HEADER_INVALID', 400);
  });
}

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

test('fields as an object: names in lower case, lines joined, no prototype', () => {
  const record = toRecord(fields(['A', '1'], ['b', '2'], ['a', '3'], ['__proto__', '4']));
  assert.equal(Object.entries(record), [['a', '1, 3'], ['b', '2'], ['__proto__', '4']]);
  assert.is(record['constructor'], undefined);
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

test('RFC 9110 §5.6.1: a list has a token in any letter case, on any line, and as a whole element only', () => {
  assert.is(hasToken(['keep-alive, UpGrade'], 'upgrade'), true);
  assert.is(hasToken(['"a b"', ',\tupgrade '], 'upgrade'), true);
  for (const values of [[], [''], ['upgrades'], ['up grade'], ['upgrade/2'], ['"upgrade"']]) {
    assert.is(hasToken(values, 'upgrade'), false, values.join());
  }
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

test('millions of spaces are read in linear time (CVE-2021-32640)', () => {
  const spaces = ' '.repeat(HUGE);
  assertRefused(() => parseTokenList([`b${spaces}x`]), 'TOKEN_INVALID', 400);
  assert.equal(parseTokenList([`${spaces}b${spaces},${spaces}`]), ['b']);
});

test('millions of separators are read in linear time', () => {
  assert.equal(parseTokenList([','.repeat(HUGE)]), []);
});

test('a quotation from the peer is short, printable and on one line', () => {
  assert.is(quote('chat v1'), '"chat v1"');
  assert.is(quote('a\r\nb\u0000\u001b[31m\u00e9\u4f60'), '"a??b??[31m??"');
  assert.is(quote('x'.repeat(80)), `"${'x'.repeat(80)}"`);
  assert.is(quote('x'.repeat(81)), `"${'x'.repeat(77)}..."`);
});

test.run();
