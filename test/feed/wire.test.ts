// Updates on the wire, to the byte, and that each is encoded once.
import * as assert from 'uvu/assert';
import type { Update } from '../../src/feed/log.js';
import { toMark, toMessage, toText } from '../../src/feed/wire.js';
import { suite } from '../runner/suite.js';

const wire = suite('wire');

const bytes = Uint8Array.of(9, 9, 0, 255).subarray(2);

const cases: readonly [name: string, update: Update, text: string, opcode: number, payload: string][] = [
  ['JSON', { id: 'a-1', value: { b: [1, 'é'] } },
    '{"id":"a-1","value":{"b":[1,"é"]}}', 1, '{"id":"a-1","value":{"b":[1,"é"]}}'],
  ['text', { id: 'a-1', value: 'x' }, '{"id":"a-1","value":"x"}', 1, '{"id":"a-1","value":"x"}'],
  ['nothing', { id: 'a-1', value: undefined }, '{"id":"a-1","value":null}', 1, '{"id":"a-1","value":null}'],
  ['a count of what was missed', { id: 'a-9', value: 0, missed: 3 }, '{"id":"a-9","missed":3,"value":0}', 1,
    '{"id":"a-9","missed":3,"value":0}'],
  ['bytes', { id: 'a-1', value: bytes }, '{"id":"a-1","base64":"AP8="}', 2, 'a-1\n\x00\xff'],
  ['bytes after a gap', { id: 'a-1', value: bytes, missed: 'unknown' },
    '{"id":"a-1","missed":"unknown","base64":"AP8="}', 2, 'a-1 unknown\n\x00\xff'],
];

for (const [name, update, text, opcode, payload] of cases) {
  wire(name, () => {
    assert.is(toText(update), text);
    const message = toMessage(update);
    const expected = Buffer.from(payload, opcode === 2 ? 'latin1' : 'utf8');
    assert.equal([message.opcode, Buffer.from(message.payload)], [opcode, expected]);
    assert.is(toMessage(update), message);
  });
}

wire('a value is turned into JSON once', () => {
  let times = 0;
  const update = { id: 'a-1', value: { toJSON: () => ++times } };
  toText(update);
  toMessage(update);
  assert.is(toText(update), '{"id":"a-1","value":1}');
});

wire('a mark has no value', () => {
  assert.equal([toMark({ id: 'a-1' }), toMark({ id: 'a-1', missed: 2 })], ['{"id":"a-1"}', '{"id":"a-1","missed":2}']);
});

wire.run();
