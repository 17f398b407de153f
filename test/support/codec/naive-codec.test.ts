// The reference codec against the examples that RFC 6455 §5.7 spells out.
import * as assert from 'uvu/assert';
import { suite } from '../../runner/suite.js';
import { hex } from './cuts.js';
import { decodeFirst, decodeNaive, encodeNaive, mask, type FrameToEncode } from './naive-codec.js';

const maskingKey = hex('37 fa 21 3d');

const cases: readonly [name: string, frame: FrameToEncode, bytes: Buffer][] = [
  ['§5.7: unmasked text', { opcode: 1, payload: Buffer.from('Hello') }, hex('81 05 48 65 6c 6c 6f')],
  [
    '§5.7: masked text',
    { opcode: 1, payload: Buffer.from('Hello'), maskingKey },
    hex('81 85 37 fa 21 3d 7f 9f 4d 51 58'),
  ],
  ['§5.7: first fragment', { fin: false, opcode: 1, payload: Buffer.from('Hel') }, hex('01 03 48 65 6c')],
  ['§5.7: last fragment', { opcode: 0, payload: Buffer.from('lo') }, hex('80 02 6c 6f')],
  ['§5.7: ping', { opcode: 9, payload: Buffer.from('Hello') }, hex('89 05 48 65 6c 6c 6f')],
  ['§5.7: masked pong', { opcode: 10, payload: Buffer.from('Hello'), maskingKey }, hex('8a 85 37fa213d 7f9f4d5158')],
  [
    '§5.7: 256 bytes binary',
    { opcode: 2, payload: Buffer.alloc(256, 7) },
    Buffer.concat([hex('82 7e 01 00'), Buffer.alloc(256, 7)]),
  ],
  [
    '§5.7: 64 KiB binary',
    { opcode: 2, payload: Buffer.alloc(65536, 7) },
    Buffer.concat([hex('82 7f 00 00 00 00 00 01 00 00'), Buffer.alloc(65536, 7)]),
  ],
  ['125 bytes', { opcode: 2, payload: Buffer.alloc(125) }, Buffer.concat([hex('82 7d'), Buffer.alloc(125)])],
  ['126 bytes', { opcode: 2, payload: Buffer.alloc(126) }, Buffer.concat([hex('82 7e 00 7e'), Buffer.alloc(126)])],
  [
    '65535 bytes, masked with zeros',
    { opcode: 2, payload: Buffer.alloc(65535), maskingKey: Buffer.alloc(4) },
    Buffer.concat([hex('82 fe ff ff 00 00 00 00'), Buffer.alloc(65535)]),
  ],
  ['RSV1', { rsv1: true, opcode: 1, payload: hex('f2 00') }, hex('c1 02 f2 00')],
  ['empty, masked', { opcode: 8, payload: Buffer.alloc(0), maskingKey }, hex('88 80 37fa213d')],
];

const codec = suite('naive-codec');

for (const [name, frame, bytes] of cases) {
  codec(name, () => {
    assert.equal(encodeNaive(frame), bytes);
    const { fin = true, rsv1 = false, opcode, payload } = frame;
    const decoded = { fin, rsv1, rsv2: false, rsv3: false, opcode, payload, maskingKey: frame.maskingKey ?? null };
    assert.equal(decodeNaive(bytes), { frames: [decoded], rest: Buffer.alloc(0) });
    const whole = decodeFirst(Buffer.concat([bytes, hex('81 00')]));
    assert.equal(whole, { frame: decoded, length: bytes.length });
    for (let length = 0; length < Math.min(bytes.length, 300); length++) {
      assert.is(decodeFirst(bytes.subarray(0, length)), null, `${length} bytes are no frame`);
    }
  });
}

codec('several frames and the beginning of another', () => {
  const { frames, rest } = decodeNaive(hex('01 01 61  89 00  80 01 62  81 05 48'));
  assert.equal(frames.map(({ fin, opcode, payload }) => [fin, opcode, payload.toString()]), [
    [false, 1, 'a'],
    [true, 9, ''],
    [true, 0, 'b'],
  ]);
  assert.equal(rest, hex('81 05 48'));
});

codec('reserved bits and opcodes are told, not judged', () => {
  const { rsv1, rsv2, rsv3, opcode } = decodeFirst(hex('bf 00'))!.frame;
  assert.equal({ rsv1, rsv2, rsv3, opcode }, { rsv1: false, rsv2: true, rsv3: true, opcode: 15 });
});

codec('a length that is not minimal is believed', () => {
  assert.equal(decodeFirst(hex('82 7e 00 01 aa'))!.frame.payload, hex('aa'));
  assert.equal(decodeFirst(hex('82 7f 00 00 00 00 00 00 00 01 aa'))!.frame.payload, hex('aa'));
});

codec('a frame with a length beyond all memory is not whole', () => {
  assert.is(decodeFirst(hex('82 7f ff ff ff ff ff ff ff ff 00')), null);
});

codec('§5.3: masking twice gives the payload back, at every length', () => {
  for (let length = 0; length < 10; length++) {
    const payload = Buffer.from('0123456789').subarray(0, length);
    assert.equal(mask(mask(payload, maskingKey), maskingKey), payload);
  }
  assert.throws(() => mask(hex('00'), hex('01 02 03')), /4 bytes/);
});

codec.run();
