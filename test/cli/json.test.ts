// How `twobyte connect --json` formats: every kind of value, each token as it came, and what is no JSON.
import * as assert from 'uvu/assert';
import { formatJson } from '../../src/cli/json.js';
import { suite } from '../runner/suite.js';

const test = suite('cli/json');

const formatted: readonly [text: string, lines: readonly string[]][] = [
  ['1', ['1']],
  ['"a"', ['"a"']],
  [' null\r\n', ['null']],
  ['[]', ['[]']],
  ['{ }', ['{}']],
  ['[1,[],{"a":[]}]', ['[', '  1,', '  [],', '  {', '    "a": []', '  }', ']']],
  ['{"a":{"b":true},"c":[1,2]}', ['{', '  "a": {', '    "b": true', '  },', '  "c": [', '    1,', '    2', '  ]', '}']],
  // A double would make 9007199254740992 and 1 of these, and lose the first "a".
  ['{"a":9007199254740993,"a":1.0}', ['{', '  "a": 9007199254740993,', '  "a": 1.0', '}']],
  ['[-1.5E+10]', ['[', '  -1.5E+10', ']']],
  [
    String.raw`["\"]","\\","\u00e9 é,{:"]`,
    ['[', String.raw`  "\"]",`, String.raw`  "\\",`, String.raw`  "\u00e9 é,{:"`, ']'],
  ],
];

for (const [text, lines] of formatted) {
  test(`formatted: ${text}`, () => assert.is(formatJson(text, false), lines.join('\n')));
}

for (const text of ['', 'hello', '{a:1}', '[1', "'a'", '1 2']) {
  test(`no JSON: ${JSON.stringify(text)}`, () => assert.is(formatJson(text, false), null));
}

test('colours for names, texts and the rest; control characters are made visible', () => {
  const expected = ['{', '  \x1b[36m"a"\x1b[m: \x1b[32m"b\ufffd"\x1b[m,', '  \x1b[36m"c"\x1b[m: \x1b[33m1\x1b[m', '}'];
  assert.is(formatJson('{"a":"b\u009b","c":1}', true), expected.join('\n'));
});

test('half a million arrays in one another take lines of bounded length', () => {
  const text = '['.repeat(500_000) + ']'.repeat(500_000);
  const lines = formatJson(text, false)!.split('\n');
  assert.is(lines.length, 999_999);
  assert.is(lines[499_999], `${' '.repeat(40)}[]`);
});

test('a text of a million characters and escapes', () => {
  const text = JSON.stringify('"x'.repeat(500_000));
  assert.is(formatJson(text, false), text);
});

test.run();
