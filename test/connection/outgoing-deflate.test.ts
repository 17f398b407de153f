// Messages that are compressed while they are made: what leaves, when it can be read, and what is left of it after.
import * as assert from 'uvu/assert';
import { ConnectionClosed, type MessageSource, type SourceOptions } from '../../src/index.js';
import { Random } from '../frame/random.js';
import { suite } from '../runner/suite.js';
import { decodeNaive, type DecodedFrame } from '../support/codec/naive-codec.js';
import { inflateNaive } from '../support/codec/naive-inflate.js';
import { hex } from '../support/codec/cuts.js';
import {
  CLOSE_1000, nextTurn, open, rejectionOf, roles, terminateAll, type Opened, type OpenOptions,
} from './harness.js';

const context = { windowBits: 15, contextTakeover: true };
const deflate = { outgoing: context, incoming: context };
const TAIL = hex('0000ffff');

function openDeflating(options: OpenOptions = {}): Opened {
  return open({ deflate, ...options });
}

async function* of(...chunks: unknown[]): AsyncGenerator<never> {
  for (const chunk of chunks) yield chunk as never;
}

function framesOf({ stream }: Opened): DecodedFrame[] {
  const { frames, rest } = decodeNaive(stream.written);
  assert.is(rest.length, 0);
  return frames;
}

/** What was sent, each message as `compressed` or `plain`, its opcode, and its content. */
function messagesOf(opened: Opened, contextTakeover = true): string[] {
  const messages: string[] = [];
  let history = Buffer.alloc(0);
  let first: DecodedFrame | null = null;
  let payloads: Buffer[] = [];
  for (const frame of framesOf(opened)) {
    if (frame.opcode > 7) continue;
    assert.is(frame.opcode === 0, first !== null);
    if (frame.opcode === 0) assert.is(frame.rsv1, false, '§6: RSV1 on the first frame alone');
    first ??= frame;
    payloads.push(frame.payload);
    if (!frame.fin) continue;
    const payload = Buffer.concat(payloads);
    if (first.rsv1) {
      const { bytes, isFinal } = inflateNaive(Buffer.concat([payload, TAIL]), history);
      assert.is(isFinal, false);
      if (contextTakeover) history = Buffer.concat([history, bytes]);
      messages.push(`compressed ${first.opcode} ${Buffer.from(bytes).toString()}`);
    } else {
      messages.push(`plain ${first.opcode} ${payload.toString()}`);
    }
    first = null;
    payloads = [];
  }
  return messages;
}

async function sentFor(source: MessageSource, options: SourceOptions = {}, how: OpenOptions = {}): Promise<string[]> {
  const opened = openDeflating(how);
  await opened.connection.send(source, options);
  await nextTurn();
  return messagesOf(opened);
}

for (const role of roles) {
  const test = suite(`connection/outgoing-deflate, ${role}`);
  test.after.each(terminateAll);

  test('RFC 7692 §6.1 each chunk is a fragment that can be read when it is there; pings go between', async () => {
    const opened = openDeflating({ role });
    const texts = ['Hello, Hello', ' world', ' and Hello'];
    const seen: string[] = [];
    const look = (): void => {
      const data = framesOf(opened).filter(({ opcode }) => opcode < 8);
      seen.push(Buffer.from(inflateNaive(Buffer.concat(data.map(({ payload }) => payload))).bytes).toString());
    };
    await opened.connection.send((async function* () {
      for (const text of texts) {
        yield text;
        await opened.receive('89 00');
        look();
      }
    })(), { compress: true });
    await nextTurn();
    assert.equal(seen, ['Hello, Hello', 'Hello, Hello world', 'Hello, Hello world and Hello']);
    const frames = framesOf(opened);
    const firstBytes = frames.map(({ fin, rsv1, opcode }) => `${opcode}${rsv1 ? ' RSV1' : ''}${fin ? ' FIN' : ''}`);
    assert.equal(firstBytes, ['1 RSV1', '10 FIN', '0', '10 FIN', '0', '10 FIN', '0 FIN']);
    // §7.2.1: the tail is removed from the message, not from its fragments; §7.2.3.6: what is left of an empty block.
    assert.equal(frames[0]!.payload.subarray(-4), TAIL);
    assert.equal(frames.at(-1)!.payload, hex('00'));
  });

  test('it is compressed if its first chunk with a byte is as long as the threshold, or if that is asked', async () => {
    const a = (count: number): string => 'a'.repeat(count);
    assert.equal(await sentFor(of('', a(100), 'b'), {}, { role }), [`compressed 1 ${a(100)}b`]);
    assert.equal(await sentFor(of(a(99), a(500)), {}, { role }), [`plain 1 ${a(599)}`]);
    assert.equal(await sentFor(of('ab'), { compress: true }, { role }), ['compressed 1 ab']);
    assert.equal(await sentFor(of(Buffer.alloc(200, 'a')), { compress: false }, { role }), [`plain 2 ${a(200)}`]);
    assert.equal(await sentFor(of(a(200)), { compress: true }, { role, deflate: null }), [`plain 1 ${a(200)}`]);
    // §7.2.3.6 would need a byte more.
    assert.equal(await sentFor(of(), { compress: true }, { role }), ['plain 2 ']);
    assert.equal(await sentFor(of('', ''), { compress: true }, { role }), ['plain 1 ']);
  });

  test('§7.2.3.2 messages refer to one another, whether they are sent whole or in pieces', async () => {
    const opened = openDeflating({ role });
    const { connection } = opened;
    const noise = new Random(3).bytes(200).toString('hex');
    void connection.send(noise);
    void connection.send(of(noise, noise));
    void connection.send(noise);
    await connection.send(of(Buffer.from(noise)));
    await nextTurn();
    assert.equal(messagesOf(opened), [
      `compressed 1 ${noise}`, `compressed 1 ${noise}${noise}`, `compressed 1 ${noise}`, `compressed 2 ${noise}`,
    ]);
    const [first, ...others] = framesOf(opened);
    assert.ok(others.every(({ payload }) => payload.length < first!.payload.length / 4));
  });

  test('§7.1.1 without context takeover chunks refer to those of their own message', async () => {
    const outgoing = { ...context, contextTakeover: false };
    const opened = openDeflating({ role, deflate: { ...deflate, outgoing } });
    const noise = new Random(3).bytes(200).toString('hex');
    for (let count = 0; count < 2; count++) await opened.connection.send(of(noise, noise));
    await nextTurn();
    assert.equal(messagesOf(opened, false), new Array(2).fill(`compressed 1 ${noise}${noise}`));
    const lengths = framesOf(opened).map(({ payload }) => payload.length);
    assert.ok(lengths[1]! < lengths[0]! / 4 && lengths[3] === lengths[0]);
  });

  test('§7.1.2 no chunk refers to what is out of the window', async () => {
    const outgoing = { windowBits: 9, contextTakeover: true };
    const opened = openDeflating({ role, deflate: { ...deflate, outgoing } });
    const noise = new Random(3).bytes(150).toString('hex');
    await opened.connection.send(of(noise, noise, noise + noise), { compress: true });
    await nextTurn();
    const payload = Buffer.concat([...framesOf(opened).map((frame) => frame.payload), TAIL]);
    const { bytes, maxDistance } = inflateNaive(payload);
    assert.is(Buffer.from(bytes).toString(), noise.repeat(4));
    assert.ok(maxDistance > 0 && maxDistance <= 512, `${maxDistance}`);
  });

  test('long chunks are compressed off the loop, what is sent before and after keeps its place', async () => {
    const opened = openDeflating({ role });
    const { connection } = opened;
    const long = 'a long one, '.repeat(10_000);
    const longer = 'longer than a fragment may be '.repeat(50_000);
    void connection.send(long);
    void connection.send(of(long, 'short', Buffer.from(longer)), { type: 'text' });
    void connection.send('next');
    await connection.send(long);
    await nextTurn();
    assert.equal(messagesOf(opened), [
      `compressed 1 ${long}`, `compressed 1 ${long}short${longer}`, 'plain 1 next', `compressed 1 ${long}`,
    ]);
  });

  test('characters that chunks cut', async () => {
    const source = of('x\ud83d', '\udc4b', hex('c3'), hex('a4'));
    assert.equal(await sentFor(source, { compress: true }, { role }), ['compressed 1 x👋ä']);
  });

  test('stats count the bytes before compression, and those of the wire', async () => {
    const opened = openDeflating({ role });
    await opened.connection.send(of('a'.repeat(1000), 'a'.repeat(70_000)));
    await nextTurn();
    const { messages, bytes, wireBytes } = opened.connection.stats.sent;
    assert.equal([messages, bytes], [1, 71_000]);
    assert.ok(wireBytes < 300, `${wireBytes}`);
    assert.is(wireBytes, opened.stream.written.length);
  });

  // ── Ends ──

  const LONG = Buffer.alloc(500_000, 'to be compressed off the loop');

  test('an abort while a chunk is compressed, before any of it is sent, changes nothing', async () => {
    const opened = openDeflating({ role });
    const controller = new AbortController();
    const sent = opened.connection.send(of(LONG), { signal: controller.signal });
    // Not a turn of the event loop: zlib may be done by then.
    for (let step = 0; step < 10; step++) await Promise.resolve();
    const reason = new Error('enough');
    controller.abort(reason);
    assert.is(await rejectionOf(sent), reason);
    // It must not refer to what was never sent.
    const next = 'to be compressed off the loop'.repeat(10);
    await opened.connection.send(of(next));
    await nextTurn();
    assert.equal(messagesOf(opened), [`compressed 1 ${next}`]);
    assert.is(opened.connection.state, 'open');
  });

  test('one after that closes with 1011', async () => {
    const opened = openDeflating({ role });
    const controller = new AbortController();
    const sent = opened.connection.send((async function* () {
      yield 'first '.repeat(20);
      queueMicrotask(() => controller.abort(new Error('enough')));
      yield LONG;
    })(), { signal: controller.signal });
    assert.is((await rejectionOf(sent)).message, 'enough');
    await nextTurn();
    assert.is(framesOf(opened).at(-1)!.payload.toString('hex'), '03f3');
  });

  test('a close, from either side, and a reset while a chunk is compressed: its promise tells it', async () => {
    const ends: ((opened: Opened) => unknown)[] = [
      ({ connection }) => connection.close(),
      ({ connection }) => connection.terminate(),
      (opened) => opened.receive(CLOSE_1000),
      (opened) => opened.reset(),
    ];
    for (const end of ends) {
      const opened = openDeflating({ role });
      const sent = opened.connection.send(of('first '.repeat(20), LONG, LONG));
      for (let step = 0; step < 20; step++) await Promise.resolve();
      void end(opened);
      assert.instance(await rejectionOf(sent), ConnectionClosed);
    }
  });

  test('zlib fails: before the first fragment that changes nothing, whichever way it is compressed', async () => {
    // A window that zlib does not know stands for memory that it does not get.
    const outgoing = { ...context, windowBits: 99 };
    for (const chunk of [Buffer.alloc(50_000), LONG]) {
      const opened = openDeflating({ role, deflate: { ...deflate, outgoing } });
      assert.instance(await rejectionOf(opened.connection.send(of(chunk))), RangeError);
      await opened.connection.send(of('next'));
      await nextTurn();
      assert.equal(messagesOf(opened), ['plain 1 next']);
    }
  });

  test.run();
}
