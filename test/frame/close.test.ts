// Close payloads: which codes and reasons may be sent, and what becomes of received ones.
import * as assert from 'uvu/assert';
import { ProtocolError } from '../../src/errors.js';
import { CloseCode, isCloseCode, parseClosePayload, serializeClosePayload } from '../../src/frame/close.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';

const test = suite('frame/close');

/** A close code, its two bytes, whether it may stand in a Close frame, and where that is said. */
const CODES: [code: number, bytes: string, isAllowed: boolean, section: string][] = [
  [0, '0000', false, '§7.4.2 0–999 are not used'],
  [1, '0001', false, '§7.4.2 0–999 are not used'],
  [255, '00ff', false, '§7.4.2 0–999 are not used'],
  [999, '03e7', false, '§7.4.2 0–999 are not used'],
  [1000, '03e8', true, '§7.4.1 normal closure'],
  [1001, '03e9', true, '§7.4.1 going away'],
  [1002, '03ea', true, '§7.4.1 protocol error'],
  [1003, '03eb', true, '§7.4.1 unacceptable data'],
  [1004, '03ec', false, '§7.4.1 reserved'],
  [1005, '03ed', false, '§7.4.1 no status, never sent'],
  [1006, '03ee', false, '§7.4.1 abnormal, never sent'],
  [1007, '03ef', true, '§7.4.1 not UTF-8'],
  [1008, '03f0', true, '§7.4.1 policy'],
  [1009, '03f1', true, '§7.4.1 too big'],
  [1010, '03f2', true, '§7.4.1 extension missing'],
  [1011, '03f3', true, '§7.4.1 unexpected condition'],
  [1012, '03f4', true, '§11.7 service restart'],
  [1013, '03f5', true, '§11.7 try again later'],
  [1014, '03f6', true, '§11.7 bad gateway'],
  [1015, '03f7', false, '§7.4.1 TLS handshake, never sent'],
  [1016, '03f8', false, '§7.4.2 1000–2999 not yet defined'],
  [2000, '07d0', false, '§7.4.2 1000–2999 not yet defined'],
  [2999, '0bb7', false, '§7.4.2 1000–2999 not yet defined'],
  [3000, '0bb8', true, '§7.4.2 for libraries'],
  [3999, '0f9f', true, '§7.4.2 for libraries'],
  [4000, '0fa0', true, '§7.4.2 for private use'],
  [4999, '1387', true, '§7.4.2 for private use'],
  [5000, '1388', false, '§7.4.2 beyond all ranges'],
  [65535, 'ffff', false, '§7.4.2 beyond all ranges'],
];

for (const [code, bytes, isAllowed, section] of CODES) {
  test(`${section}: ${code} is ${isAllowed ? 'received and sent' : 'neither received nor sent'}`, () => {
    assert.is(isCloseCode(code), isAllowed);
    const payload = hex(`${bytes} 627965`);
    if (isAllowed) {
      assert.equal(parseClosePayload(payload), { code, reason: 'bye' });
      assert.equal(serializeClosePayload(code, 'bye'), payload);
      assert.equal(parseClosePayload(hex(bytes)), { code, reason: '' });
      assert.equal(serializeClosePayload(code, ''), hex(bytes));
    } else {
      assertRefused(payload, 'INVALID_CLOSE_CODE', 1002);
      assertRefused(hex(bytes), 'INVALID_CLOSE_CODE', 1002);
      assert.throws(() => serializeClosePayload(code, 'bye'), (error: unknown) => error instanceof RangeError);
    }
  });
}

test('§7.4 only 4 + 8 + 2,000 codes may be sent: 1000–1003, 1007–1014 and 3000–4999', () => {
  let count = 0;
  for (let code = 0; code <= 65535; code++) if (isCloseCode(code)) count++;
  assert.is(count, 2012);
});

test('§7.4.1, §11.7 the named codes have their numbers', () => {
  assert.equal({ ...CloseCode }, {
    NORMAL_CLOSURE: 1000,
    GOING_AWAY: 1001,
    PROTOCOL_ERROR: 1002,
    UNSUPPORTED_DATA: 1003,
    NO_STATUS_RECEIVED: 1005,
    ABNORMAL_CLOSURE: 1006,
    INVALID_PAYLOAD_DATA: 1007,
    POLICY_VIOLATION: 1008,
    MESSAGE_TOO_BIG: 1009,
    MANDATORY_EXTENSION: 1010,
    INTERNAL_ERROR: 1011,
    SERVICE_RESTART: 1012,
    TRY_AGAIN_LATER: 1013,
    BAD_GATEWAY: 1014,
    TLS_HANDSHAKE: 1015,
    UNAUTHORIZED: 3000,
    FORBIDDEN: 3003,
    TIMEOUT: 3008,
  });
});

test('§7.1.5 an empty payload is 1005', () => {
  assert.equal(parseClosePayload(hex('')), { code: 1005, reason: '' });
});

test('§5.5.1 a payload of one byte is refused with 1002', () => {
  for (const payload of ['00', '03', 'ff']) assertRefused(hex(payload), 'INVALID_CLOSE_PAYLOAD', 1002);
});

const REASONS: [name: string, bytes: string, reason: string][] = [
  ['two bytes a character', 'c3a4', 'ä'],
  ['three bytes a character', 'e4bda0 e5a5bd', '你好'],
  ['four bytes a character', 'f09f918b', '👋'],
  ['NUL', '00', '\0'],
  ['a byte order mark, which is kept', 'efbbbf 61', '\ufeffa'],
];

for (const [name, bytes, reason] of REASONS) {
  test(`§5.5.1 a reason with ${name}`, () => {
    assert.equal(parseClosePayload(hex(`03e8 ${bytes}`)), { code: 1000, reason });
    assert.equal(serializeClosePayload(1000, reason), hex(`03e8 ${bytes}`));
  });
}

test('§5.5.1 a reason that is not UTF-8 is refused with 1007', () => {
  for (const reason of ['80', 'ff', 'c080', 'c3', 'e4bd', 'eda080', 'f4908080', '627965 c3']) {
    assertRefused(hex(`03e8 ${reason}`), 'INVALID_UTF8', 1007);
  }
});

test('§7.4 a code that may not be sent counts more than a reason that is not UTF-8', () => {
  assertRefused(hex('03ed ff'), 'INVALID_CLOSE_CODE', 1002);
});

test('§5.5 a reason has up to 123 bytes of UTF-8', () => {
  const payload = serializeClosePayload(1000, 'a'.repeat(123));
  assert.equal(payload, hex(`03e8 ${'61'.repeat(123)}`));
  assert.equal(parseClosePayload(payload), { code: 1000, reason: 'a'.repeat(123) });
  assert.equal(serializeClosePayload(1000, `${'ä'.repeat(61)}a`), hex(`03e8 ${'c3a4'.repeat(61)} 61`));
  for (const reason of ['a'.repeat(124), 'ä'.repeat(62), '你'.repeat(42), 'a'.repeat(100_000)]) {
    assert.throws(() => serializeClosePayload(1000, reason), (error: unknown) => error instanceof RangeError);
  }
});

test('§8.1 a lone surrogate in a reason becomes U+FFFD', () => {
  assert.equal(serializeClosePayload(1000, 'a\ud800'), hex('03e8 61 efbfbd'));
});

test('§7.4 a code that is no whole number is a RangeError', () => {
  for (const code of [NaN, 1000.5, 3000.5, Infinity, -Infinity, -1000, -0, 65536 + 1000, 2 ** 32 + 1000]) {
    assert.throws(() => serializeClosePayload(code, ''), (error: unknown) => error instanceof RangeError, `${code}`);
  }
});

test('§7.4 a code or reason of another type is a TypeError: it never becomes a length of memory', () => {
  const codes: unknown[] = ['1000', 1000n, new Uint16Array([1000]), Buffer.from('03e8', 'hex'), [1000], {}, true, null];
  for (const code of [...codes, undefined]) {
    assert.throws(() => serializeClosePayload(code as number, ''), (error: unknown) => error instanceof TypeError);
  }
  const reasons: unknown[] = [100, 100n, new Uint8Array(9), Buffer.from('bye'), new ArrayBuffer(8), ['bye'], {}, null];
  for (const reason of [...reasons, undefined]) {
    assert.throws(() => serializeClosePayload(1000, reason as string), (error: unknown) => error instanceof TypeError);
  }
});

function assertRefused(payload: Buffer, code: string, closeCode: number): void {
  assert.throws(() => parseClosePayload(payload), (error: unknown) => {
    assert.instance(error, ProtocolError);
    const { code: actualCode, closeCode: actualCloseCode } = error as ProtocolError;
    assert.equal([actualCode, actualCloseCode], [code, closeCode], `payload ${payload.toString('hex')}`);
    return true;
  });
}

test.run();
