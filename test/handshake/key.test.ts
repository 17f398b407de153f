// Keys and accept values (RFC 6455 §1.3, §4.2).
import * as assert from 'uvu/assert';
import { acceptKey, isKey } from '../../src/handshake/key.js';
import { suite } from '../runner/suite.js';

const test = suite('handshake/key');

test('§1.3: the accept value of the example', () => {
  assert.is(acceptKey('dGhlIHNhbXBsZSBub25jZQ=='), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
});

test('§4.2.2: the key is hashed as sent, not as decoded', () => {
  // Both decode to 16 zero bytes. SHA-1 by coreutils: printf KEY258EAFA5-... | sha1sum | xxd -r -p | base64
  assert.is(acceptKey('AAAAAAAAAAAAAAAAAAAAAA=='), 'ICX+Yqv66kxgM0FcWaLWlFLwTAI=');
  assert.is(acceptKey('AAAAAAAAAAAAAAAAAAAAAB=='), 'NRJrplgTSmBqvVaQhF+6peBS1S8=');
});

const keys: [name: string, value: string, expected: boolean][] = [
  ['the example of §1.3', 'dGhlIHNhbXBsZSBub25jZQ==', true],
  ['16 zero bytes', 'AAAAAAAAAAAAAAAAAAAAAA==', true],
  ['the letters + and /', '+/+/+/+/+/+/+/+/+/+/+w==', true],
  ['spare bits that are set', 'AAAAAAAAAAAAAAAAAAAAAB==', true],
  ['empty', '', false],
  ['15 bytes', 'AAAAAAAAAAAAAAAAAAAA', false],
  ['17 bytes', 'AAAAAAAAAAAAAAAAAAAAAAA=', false],
  ['18 bytes, which are 24 letters', 'AAAAAAAAAAAAAAAAAAAAAAAA', false],
  ['no padding', 'AAAAAAAAAAAAAAAAAAAAAA', false],
  ['half the padding', 'AAAAAAAAAAAAAAAAAAAAAA=', false],
  ['three equals signs', 'AAAAAAAAAAAAAAAAAAAAA===', false],
  ['padding within', 'AAAAAAAAAA==AAAAAAAAAA==', false],
  ['the alphabet for URLs', '-_-_-_-_-_-_-_-_-_-_-w==', false],
  ['a space before', ' AAAAAAAAAAAAAAAAAAAAA==', false],
  ['a line feed behind', 'AAAAAAAAAAAAAAAAAAAAAA==\n', false],
  ['a letter beyond ASCII', 'AAAAAAAAAAAAAAAAAAAAA\u0141==', false],
  ['two keys joined', 'dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==', false],
];
for (const [name, value, expected] of keys) {
  test(`§4.2.1 item 5: a key of ${name} is ${expected ? 'accepted' : 'refused'}`, () => {
    assert.is(isKey(value), expected);
  });
}

test.run();
