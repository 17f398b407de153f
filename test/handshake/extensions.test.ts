// The grammar of Sec-WebSocket-Extensions (RFC 6455 §9.1).
import * as assert from 'uvu/assert';
import { parseExtensions } from '../../src/handshake/extensions.js';
import { suite } from '../runner/suite.js';
import { assertRefused, refusal } from './refusal.js';

const test = suite('handshake/extensions');

// If anything were quadratic in this, the test would not end: 2^44 steps.
const HUGE = 1 << 22;

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
  assertRefused(() => parseExtensions(`b${spaces}x`), 'EXTENSIONS_INVALID', 400);
  assert.equal(parseExtensions(`${spaces}b${spaces};${spaces}c${spaces}`), [{ name: 'b', parameters: [['c', true]] }]);
});

test('millions of separators are read in linear time', () => {
  assertRefused(() => parseExtensions(','.repeat(HUGE)), 'EXTENSIONS_INVALID', 400);
  assertRefused(() => parseExtensions(`a${';'.repeat(HUGE)}`), 'EXTENSIONS_INVALID', 400);
  assert.is(parseExtensions(`a${';b=c'.repeat(HUGE >> 2)}`)[0].parameters.length, HUGE >> 2);
});

test('quoted strings that never close fail in linear time (CVE-2020-7662)', () => {
  assertRefused(() => parseExtensions(`a; b="${'\\c'.repeat(HUGE)}`), 'EXTENSIONS_INVALID', 400);
  assertRefused(() => parseExtensions(`a; b="${'c'.repeat(HUGE)}`), 'EXTENSIONS_INVALID', 400);
  assertRefused(() => parseExtensions('a; b="'.repeat(HUGE >> 2)), 'EXTENSIONS_INVALID', 400);
});

test.run();
