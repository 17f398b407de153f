// The state machine of a connection by the table of docs/guide.md, for both roles and without I/O.
import * as assert from 'uvu/assert';
import { Protocol } from '../../src/connection/protocol.js';
import type { ProtocolError, WebSocketError } from '../../src/errors.js';
import type { Message } from '../../src/connection/assembler.js';
import type { Role } from '../../src/frame/opcode.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';
import { ABNORMAL, CLOSE_1000, CLOSE_1001, CLOSE_1001_BYE, peerBytes, roles, unmask } from './harness.js';

/** A protocol, what it handed on, and what it sent. Frames are given in hexadecimal as they are without a mask. */
class Endpoint {
  readonly role: Role;
  readonly protocol: Protocol;
  readonly messages: Message[] = [];
  readonly byteLengths: number[] = [];
  readonly pongs: string[] = [];

  constructor(role: Role, maxMessageBytes = 1000) {
    this.role = role;
    const receiver = {
      put: (message: Message, byteLength: number): void => {
        this.messages.push(message);
        this.byteLengths.push(byteLength);
      },
      isFull: false, mayStream: () => false, takeSink: () => null, countStreamed: (): void => {},
      advance: (): void => {}, refuse: (): void => {},
      receivePong: (payload: Buffer): void => void this.pongs.push(payload.toString()),
      outputReady: (): void => {},
      outputFailed: (): void => {},
    };
    this.protocol = new Protocol(receiver, { role, limits: { maxMessageBytes, deflate: null }, deflate: null });
  }

  receive(frames: string): void {
    this.protocol.receive(peerBytes(this.role, frames));
  }

  /** Asserts what was encoded since this was asked last. */
  assertSent(frames: string, message?: string): void {
    assert.is(unmask(this.role, Buffer.concat(this.protocol.output.take())), hex(frames).toString('hex'), message);
  }

  /** Asserts the state in the words of the table: may data be sent, may messages come, who ends the stream. */
  assertState(state: { isOpen: boolean; isReceiving: boolean; endsStream: boolean }): void {
    const { isOpen, isReceiving, endsStream } = this.protocol;
    assert.equal({ isOpen, isReceiving, endsStream }, state);
  }
}

const OPEN = { isOpen: true, isReceiving: true, endsStream: false };
const CLOSING_OURS = { isOpen: false, isReceiving: true, endsStream: false };
/** After the peer's Close frame: the server ends the TCP connection, the client waits for that (§7.1.1). */
const closed = (role: Role) => ({ isOpen: false, isReceiving: false, endsStream: role === 'server' });
/** Whoever fails the connection ends it (§7.1.7). */
const FAILED = { isOpen: false, isReceiving: false, endsStream: true };

for (const role of roles) {
  const test = suite(`Protocol, ${role}`);
  const open = (maxMessageBytes?: number): Endpoint => new Endpoint(role, maxMessageBytes);

  // ── Data ──

  test('a text message is a frame with the length of its UTF-8', () => {
    const endpoint = open();
    endpoint.protocol.send('Hello');
    endpoint.assertSent('81 05 48656c6c6f');
    endpoint.protocol.send('你好');
    endpoint.assertSent('81 06 e4bda0 e5a5bd');
    endpoint.protocol.send('');
    endpoint.assertSent('81 00');
    endpoint.assertState(OPEN);
  });

  test('bytes are a binary message', () => {
    const endpoint = open();
    endpoint.protocol.send(Uint8Array.of(0, 0xff, 0x80));
    endpoint.assertSent('82 03 00ff80');
  });

  test('received messages are handed on with the bytes that they had', () => {
    const endpoint = open();
    endpoint.receive('81 06 e4bda0 e5a5bd  82 02 00ff  81 00');
    assert.equal(endpoint.messages, ['你好', Buffer.of(0, 0xff), '']);
    assert.equal(endpoint.byteLengths, [6, 2, 0]);
    endpoint.assertSent('');
  });

  test('fragments are one message, with a ping between them answered at once (§5.4)', () => {
    const endpoint = open();
    endpoint.receive('01 03 48656c  89 01 70');
    assert.equal(endpoint.messages, []);
    endpoint.assertSent('8a 01 70');
    endpoint.receive('80 02 6c6f');
    assert.equal(endpoint.messages, ['Hello']);
  });

  // ── Ping and pong (§5.5.2, §5.5.3) ──

  test('a ping carries its payload, and is answered by a pong with the same', () => {
    const endpoint = open();
    endpoint.protocol.ping(Buffer.from('abc'));
    endpoint.assertSent('89 03 616263');
    endpoint.receive('89 02 6869  89 00');
    endpoint.assertSent('8a 02 6869  8a 00');
  });

  test('a pong is handed on and not answered', () => {
    const endpoint = open();
    endpoint.receive('8a 03 616263  8a 00');
    assert.equal(endpoint.pongs, ['abc', '']);
    endpoint.assertSent('');
    endpoint.assertState(OPEN);
  });

  test('while saturated only the latest ping is remembered, and answered once', () => {
    const endpoint = open();
    endpoint.protocol.saturate();
    endpoint.receive('89 01 61  89 01 62');
    endpoint.receive('89 01 63');
    endpoint.assertSent('');
    endpoint.protocol.drain();
    assert.is(endpoint.protocol.isSaturated, false);
    endpoint.assertSent('8a 01 63');
    endpoint.protocol.drain();
    endpoint.assertSent('');
    endpoint.receive('89 01 64');
    endpoint.assertSent('8a 01 64');
  });

  test('a ping is answered after our own Close frame too (§5.5.2)', () => {
    const endpoint = open();
    endpoint.protocol.close(1000, '');
    endpoint.receive('89 01 61');
    endpoint.assertSent(`${CLOSE_1000}  8a 01 61`);
    endpoint.protocol.saturate();
    endpoint.receive('89 01 62');
    endpoint.protocol.drain();
    endpoint.assertSent('8a 01 62');
  });

  test('a ping that waits is not answered after the peer\'s Close frame', () => {
    const endpoint = open();
    endpoint.protocol.saturate();
    endpoint.receive(`89 01 61  ${CLOSE_1000}`);
    endpoint.protocol.drain();
    endpoint.assertSent(CLOSE_1000);
  });

  // ── OPEN ──

  test('OPEN, close(): the Close frame is written (§7.1.2)', () => {
    const endpoint = open();
    endpoint.assertState(OPEN);
    endpoint.protocol.close(1000, '');
    endpoint.assertSent(CLOSE_1000);
    endpoint.assertState(CLOSING_OURS);
  });

  test('OPEN, Close received: its code is echoed, its reason is not (§5.5.1)', () => {
    const endpoint = open();
    endpoint.receive(CLOSE_1001_BYE);
    endpoint.assertSent(CLOSE_1001);
    endpoint.assertState(closed(role));
    endpoint.protocol.receiveEnd();
    assert.equal(endpoint.protocol.conclude(null), { code: 1001, reason: 'bye', wasClean: true });
  });

  test('OPEN, empty Close received: an empty one is the answer, and the code is 1005 (§7.1.5)', () => {
    const endpoint = open();
    endpoint.receive('88 00');
    endpoint.assertSent('88 00');
    endpoint.assertState(closed(role));
    assert.equal(endpoint.protocol.conclude(null), { code: 1005, reason: '', wasClean: true });
  });

  test('OPEN, end of stream: nothing is written, 1006 (§7.1.5)', () => {
    const endpoint = open();
    endpoint.protocol.receiveEnd();
    endpoint.assertSent('');
    assert.is(endpoint.protocol.isOpen, false);
    assert.is(endpoint.protocol.isReceiving, false);
    assert.equal(endpoint.protocol.conclude(null), ABNORMAL);
  });

  test('OPEN, end of stream inside a frame: 1006', () => {
    const endpoint = open();
    endpoint.protocol.receive(peerBytes(role, '81 05 48656c6c6f').subarray(0, -1));
    endpoint.protocol.receiveEnd();
    assert.equal(endpoint.messages, []);
    assert.equal(endpoint.protocol.conclude(null), ABNORMAL);
  });

  test('a socket\'s own error is told', () => {
    const error = new Error('read ECONNRESET');
    const endpoint = open();
    endpoint.protocol.receiveEnd();
    assert.equal(endpoint.protocol.conclude(error), { ...ABNORMAL, error });
  });

  const unmaskedOrMasked = role === 'server'
    ? {
        bytes: hex('81 05 48656c6c6f'), code: 'FRAME_NOT_MASKED',
        reason: 'client frame without a mask, perhaps of a proxy',
      }
    : { bytes: hex('81 85 37fa213d 7f9f4d5158'), code: 'FRAME_MASKED', reason: 'server frame with a mask' };
  const violations: { name: string; bytes: Buffer; closeCode: number; code: string; reason: string }[] = [
    { name: 'frame with the wrong masking', closeCode: 1002, ...unmaskedOrMasked },
    {
      name: 'opcode 3', bytes: peerBytes(role, '83 00'),
      closeCode: 1002, code: 'UNKNOWN_OPCODE', reason: 'unknown opcode 3',
    },
    {
      name: 'RSV1', bytes: peerBytes(role, 'c1 00'),
      closeCode: 1002, code: 'RESERVED_BIT', reason: 'RSV1, RSV2 or RSV3 set without an extension',
    },
    {
      name: 'text that is not UTF-8', bytes: peerBytes(role, '81 01 ff'),
      closeCode: 1007, code: 'INVALID_UTF8', reason: 'text message is not UTF-8',
    },
    {
      name: 'message of 6 bytes where 5 may be', bytes: peerBytes(role, '82 06 000000000000'),
      closeCode: 1009, code: 'MESSAGE_TOO_LARGE', reason: 'message over maxMessageBytes (5)',
    },
    {
      name: 'Close payload of one byte', bytes: peerBytes(role, '88 01 03'),
      closeCode: 1002, code: 'INVALID_CLOSE_PAYLOAD', reason: 'close payload of one byte',
    },
    {
      name: 'close code 1005', bytes: peerBytes(role, '88 02 03ed'),
      closeCode: 1002, code: 'INVALID_CLOSE_CODE', reason: 'close code 1005 must not be sent',
    },
    {
      name: 'close reason that is not UTF-8', bytes: peerBytes(role, '88 03 03e8 ff'),
      closeCode: 1007, code: 'INVALID_UTF8', reason: 'close reason is not UTF-8',
    },
  ];
  const closeCodeBytes: Record<number, string> = { 1002: '03ea', 1007: '03ef', 1009: '03f1' };

  for (const { name, bytes, closeCode, code, reason } of violations) {
    test(`OPEN, ${name}: ${closeCode} is written with the cause, and decoding stops (§7.1.7)`, () => {
      const endpoint = open(5);
      endpoint.receive('81 01 61');
      endpoint.protocol.receive(bytes);
      const length = (2 + reason.length).toString(16).padStart(2, '0');
      endpoint.assertSent(`88 ${length} ${closeCodeBytes[closeCode]} ${Buffer.from(reason).toString('hex')}`);
      endpoint.assertState(FAILED);
      endpoint.receive('81 01 62  89 00');
      endpoint.assertSent('');
      assert.equal(endpoint.messages, ['a']);
      const { error, ...close } = endpoint.protocol.conclude(new Error('the socket\'s'));
      assert.equal(close, ABNORMAL);
      assert.is((error as ProtocolError).code, code);
      assert.is((error as ProtocolError).closeCode, closeCode);
    });
  }

  test('OPEN, a violation behind a message in the same bytes: nothing is decoded, and it fails when told to', () => {
    const endpoint = open();
    endpoint.receive('81 01 61  83 00');
    assert.is(endpoint.protocol.mustFinish, true);
    endpoint.assertState(OPEN);
    endpoint.receive('81 01 62  89 00');
    endpoint.assertSent('');
    endpoint.protocol.send('answer');
    endpoint.protocol.finish();
    assert.is(endpoint.protocol.mustFinish, false);
    endpoint.assertState(FAILED);
    endpoint.assertSent(`81 06 616e73776572  88 12 03ea ${Buffer.from('unknown opcode 3').toString('hex')}`);
    assert.equal(endpoint.messages, ['a']);
    endpoint.protocol.finish();
    endpoint.assertSent('');
  });

  test('OPEN, anything unexpected: 1011 without a reason', () => {
    const secret = new Error('a secret of this side');
    const protocol = new Protocol({
      put() {
        throw secret;
      },
      isFull: false, mayStream: () => false, takeSink: () => null, countStreamed() {}, advance() {}, refuse() {},
      receivePong() {},
      outputReady() {},
      outputFailed() {},
    }, { role, limits: { maxMessageBytes: 5, deflate: null }, deflate: null });
    protocol.receive(peerBytes(role, '81 00'));
    assert.is(unmask(role, Buffer.concat(protocol.output.take())), '880203f3');
    assert.is(protocol.isOpen, false);
    assert.is(protocol.endsStream, true);
    assert.is(protocol.conclude(null).error, secret);
  });

  // ── CLOSING, begun by us ──

  test('CLOSING (ours), data: still delivered', () => {
    const endpoint = open();
    endpoint.protocol.close(1000, '');
    endpoint.receive('81 01 61  8a 01 62');
    assert.equal(endpoint.messages, ['a']);
    assert.equal(endpoint.pongs, ['b']);
    endpoint.assertSent(CLOSE_1000);
    endpoint.assertState(CLOSING_OURS);
  });

  test('CLOSING (ours), Close received: recorded, not answered', () => {
    const endpoint = open();
    endpoint.protocol.close(1000, '');
    endpoint.assertSent(CLOSE_1000);
    endpoint.receive(CLOSE_1001_BYE);
    endpoint.assertSent('');
    endpoint.assertState(closed(role));
    endpoint.protocol.receiveEnd();
    assert.equal(endpoint.protocol.conclude(null), { code: 1001, reason: 'bye', wasClean: true });
  });

  test('CLOSING (ours), violation: no second Close frame, and this side ends the stream', () => {
    const endpoint = open();
    endpoint.protocol.close(1000, '');
    endpoint.assertSent(CLOSE_1000);
    endpoint.receive('83 00');
    endpoint.assertSent('');
    endpoint.assertState(FAILED);
    const { error, ...close } = endpoint.protocol.conclude(null);
    assert.equal(close, ABNORMAL);
    assert.is((error as ProtocolError).code, 'UNKNOWN_OPCODE');
  });

  test('CLOSING (ours), end of stream: 1006', () => {
    const endpoint = open();
    endpoint.protocol.close(1000, '');
    endpoint.protocol.receiveEnd();
    const { error, ...close } = endpoint.protocol.conclude(null);
    assert.equal(close, ABNORMAL);
    assert.is((error as WebSocketError).code, 'CLOSE_NOT_ANSWERED');
  });

  test('close() twice, or after the peer\'s, writes nothing more', () => {
    const ours = open();
    ours.protocol.close(1000, '');
    ours.protocol.close(1001, 'again');
    ours.assertSent(CLOSE_1000);
    const theirs = open();
    theirs.receive(CLOSE_1001_BYE);
    theirs.protocol.close(1000, '');
    theirs.assertSent(CLOSE_1001);
    const ended = open();
    ended.protocol.receiveEnd();
    ended.protocol.close(1000, '');
    ended.assertSent('');
  });

  // ── CLOSING, begun by the peer; CLOSED ──

  test('what follows the peer\'s Close frame is ignored, in its chunk and in the next (§1.4)', () => {
    const endpoint = open();
    endpoint.receive(`${CLOSE_1000}  81 01 61  89 00  83 00`);
    endpoint.receive(`81 01 62  89 00  8a 00  ${CLOSE_1001_BYE}  83 00`);
    endpoint.assertSent(CLOSE_1000);
    assert.equal(endpoint.messages, []);
    assert.equal(endpoint.pongs, []);
    endpoint.assertState(closed(role));
    assert.equal(endpoint.protocol.conclude(null), { code: 1000, reason: '', wasClean: true });
  });

  test('an error of the socket does not matter once both Close frames were exchanged (§7.1.4)', () => {
    const endpoint = open();
    endpoint.receive(CLOSE_1000);
    assert.equal(endpoint.protocol.conclude(new Error('late')), { code: 1000, reason: '', wasClean: true });
  });

  test('nothing that arrives behind the end of the stream is decoded', () => {
    const endpoint = open();
    endpoint.protocol.receiveEnd();
    endpoint.receive('81 01 61  89 00  83 00');
    assert.equal(endpoint.messages, []);
    endpoint.assertSent('');
    assert.is(endpoint.protocol.error, null);
  });

  // ── The arguments of close() ──

  const frames: [code: number, reason: string, frame: string][] = [
    [1000, '', '88 02 03e8'],
    [1001, 'bye', '88 05 03e9 627965'],
    [1003, '', '88 02 03eb'],
    [1007, '', '88 02 03ef'],
    [1014, '', '88 02 03f6'],
    [3000, '你好', '88 08 0bb8 e4bda0 e5a5bd'],
    [4999, '', '88 02 1387'],
    [1000, 'x'.repeat(123), `88 7d 03e8 ${'78'.repeat(123)}`],
    [1000, '€'.repeat(41), `88 7d 03e8 ${'e282ac'.repeat(41)}`],
  ];
  for (const [code, reason, frame] of frames) {
    const what = reason.length > 9 ? `${reason.length} × ${reason[0]}` : reason;
    test(`close(${code}, ${what}) is ${frame.slice(0, 12)}`, () => {
      const endpoint = open();
      endpoint.protocol.close(code, reason);
      endpoint.assertSent(frame);
    });
  }

  const refused: [kind: typeof RangeError | typeof TypeError, code: unknown, reason: unknown][] = [
    ...[0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_536, -1, 1000.5, NaN, Infinity]
      .map((code): [typeof RangeError, number, string] => [RangeError, code, '']),
    [RangeError, 1000, 'x'.repeat(124)],
    [RangeError, 1000, '€'.repeat(42)],
    [TypeError, '1000', ''],
    [TypeError, 1000n, ''],
    [TypeError, null, ''],
    [TypeError, {}, ''],
    [TypeError, 1000, 1000],
    [TypeError, 1000, null],
    [TypeError, 1000, Buffer.from('bye')],
    [TypeError, 1000, { length: 3 }],
  ];
  test('close() with what may not be sent throws, sends nothing and changes nothing', () => {
    const endpoint = open();
    for (const [kind, code, reason] of refused) {
      assert.throws(
        () => endpoint.protocol.close(code as number, reason as string),
        (error: unknown) => error instanceof kind,
        `${typeof code} ${String(code)}, ${typeof reason} ${String(reason)}`,
      );
      endpoint.assertSent('');
      endpoint.assertState(OPEN);
    }
    endpoint.protocol.close(1000, '');
    endpoint.assertSent(CLOSE_1000);
  });

  test.run();
}
