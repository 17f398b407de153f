// Subprotocols: what the option may be, in either role, and which one is chosen (RFC 6455 §1.9, §4.2.2).
import { throws } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { resolveSubprotocols, selectSubprotocol } from '../../src/handshake/subprotocols.js';
import { suite } from '../runner/suite.js';

const test = suite('handshake/subprotocols');

test('the option is a list, one text, or absent', () => {
  assert.equal(resolveSubprotocols(['b', 'a']), ['b', 'a']);
  assert.equal(resolveSubprotocols('mqtt'), ['mqtt']);
  assert.equal(resolveSubprotocols(), []);
  assert.equal(resolveSubprotocols([]), []);
});

test('a later change of the list changes nothing', () => {
  const option = ['a'];
  const resolved = resolveSubprotocols(option);
  option.push('b');
  assert.equal(resolved, ['a']);
});

const wrong: [name: string, option: unknown, message: RegExp][] = [
  ['several in one text', 'mqtt, chat', /^the subprotocol "mqtt, chat" is not a token$/],
  ['an empty text', '', /^the subprotocol "" is not a token/],
  ['an empty one in a list', ['a', ''], /^the subprotocol "" is not a token/],
  ['one with a space', ['a b'], /^the subprotocol "a b" is not a token/],
  ['a number in a list', [1], /^the subprotocol "1" is not a token/],
  ['nothing in a list', [undefined], /^the subprotocol "undefined" is not a token/],
  ['one twice', ['a', 'b', 'a'], /^a subprotocol occurs twice$/],
  ['a number', 7, /^the subprotocol "7" is not a token$/],
  ['null', null, /^the subprotocol "null" is not a token$/],
];
for (const [name, option, message] of wrong) {
  test(`§4.1 item 10: ${name} is a TypeError`, () => {
    throws(() => resolveSubprotocols(option as string), { name: 'TypeError', message });
  });
}

const selections: [name: string, offered: string[], supported: string[], expected: string | null][] = [
  ['the server prefers', ['a', 'b'], ['b', 'a'], 'b'],
  ['one matches', ['x', 'b'], ['a', 'b'], 'b'],
  ['none matches', ['x'], ['a'], null],
  ['none is offered', [], ['a'], null],
  ['none is supported', ['a'], [], null],
  ['letter case differs', ['A'], ['a'], null],
  ['prototype names are offered', ['constructor'], ['a'], null],
];
for (const [name, offered, supported, expected] of selections) {
  test(`§4.2.2: the subprotocol if ${name}`, () => assert.is(selectSubprotocol(offered, supported), expected));
}

test.run();
