// The decoder that connections share between two messages: whose bytes it decodes, and who keeps one.
import * as assert from 'uvu/assert';
import type { Message } from '../../src/connection/assembler.js';
import { borrowIncoming, Incoming, returnIncoming } from '../../src/connection/incoming.js';
import { Inflater } from '../../src/frame/inflater.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';
import { CLOSE_1000, open, roles, terminateAll } from './harness.js';

const test = suite('connection/incoming');
test.after.each(terminateAll);

const NOBODY = { receiveControl(): void {} };
const NOWHERE = {
  put(): void {}, isFull: false, mayStream: () => false, takeSink: () => null, countStreamed(): void {},
  advance(): void {}, refuse(): void {},
};

test('there is one for all that are between two messages, and another while it is in use', () => {
  const first = borrowIncoming('client', NOBODY, NOWHERE, 100);
  const second = borrowIncoming('client', NOBODY, NOWHERE, 100);
  assert.is.not(second, first);
  assert.is(returnIncoming(first), null);
  assert.is(borrowIncoming('client', NOBODY, NOWHERE, 100), first);
});

/** Bytes for a client that leave it within something, and the rest of that. */
const CUTS: [within: string, start: string, rest: string][] = [
  ['a header', '81', '01 61'],
  ['a longer header', '82 7e 00', '7e' + '61'.repeat(126)],
  ['a payload', '81 02 61', '62'],
  ['a fragmented message', '01 01 61', '80 01 62'],
  ['a control frame', '89 02 61', '62'],
];

for (const [within, start, rest] of CUTS) {
  test(`a connection keeps it within ${within}`, () => {
    const incoming = borrowIncoming('client', NOBODY, NOWHERE, 1000);
    incoming.decoder.decode(hex(start));
    assert.is(returnIncoming(incoming), incoming);
    assert.is.not(borrowIncoming('client', NOBODY, NOWHERE, 1000), incoming);
    incoming.decoder.decode(hex(rest));
    assert.is(returnIncoming(incoming), null);
  });
}

test('a connection whose messages may be compressed always keeps its own', () => {
  const own = new Incoming(new Inflater({ windowBits: 15, contextTakeover: true }));
  own.serve('client', NOBODY, NOWHERE, 100);
  assert.is(returnIncoming(own), own);
});

for (const role of roles) {
  test(`${role}: connections that take turns within their messages get their own`, async () => {
    const [one, other] = [open({ role, limits: { maxMessageBytes: 10 } }), open({ role })];
    const key = role === 'server' ? '80' : '00';
    const mask = role === 'server' ? ' 00000000' : '';
    const frame = (first: string, length: number, payload: string): Buffer => (
      hex(`${first} ${(Number(`0x${key}`) + length).toString(16).padStart(2, '0')}${mask} ${payload}`)
    );
    const turns: [typeof one, Buffer][] = [
      [one, frame('01', 1, '61')],
      [other, frame('81', 4, '6262')],
      [one, frame('00', 1, '61')],
      [other, hex('6262')],
      [other, frame('82', 11, '63'.repeat(11))],
      [one, frame('80', 1, '61')],
      [one, frame('81', 1, '64')],
    ];
    for (const [opened, bytes] of turns) opened.stream.receive(bytes);
    await new Promise(setImmediate);
    const read = ({ connection }: typeof one): (Message | null)[] => [connection.read(), connection.read()];
    assert.equal(read(one), ['aaa', 'd']);
    assert.equal(read(other), ['bbbb', Buffer.from('c'.repeat(11))]);
    // Each has its own limit, and its own end.
    one.stream.receive(frame('82', 11, '63'.repeat(11)));
    await other.receive(CLOSE_1000);
    await new Promise(setImmediate);
    assert.is(one.connection.state, 'closing');
    assert.is(other.connection.state, 'closing');
    one.connection.terminate();
    assert.is(((await one.connection.closed).error as { code?: string }).code, 'MESSAGE_TOO_LARGE');
  });
}

test.run();
