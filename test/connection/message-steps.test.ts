// Messages in pieces at each of their steps: every fragmentation of one that arrives, every end of one that is sent.
import * as assert from 'uvu/assert';
import { ConnectionClosed } from '../../src/index.js';
import { suite } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';
import { decodeNaive, encodeNaive } from '../support/codec/naive-codec.js';
import { inflateNaive } from '../support/codec/naive-inflate.js';
import { CLOSE_1000, nextTurn, open, peerBytes, roles, terminateAll, unmask, type Opened } from './harness.js';

const context = { windowBits: 15, contextTakeover: true };
const deflate = { outgoing: context, incoming: context };

/** All ways to cut bytes into fragments, in order, none of them empty. */
function* fragmentations(bytes: Buffer): Generator<Buffer[]> {
  for (let cuts = 0; cuts < 2 ** (bytes.length - 1); cuts++) {
    const parts: Buffer[] = [];
    let start = 0;
    for (let end = 1; end <= bytes.length; end++) {
      if (end < bytes.length && (cuts & (1 << (end - 1))) === 0) continue;
      parts.push(bytes.subarray(start, end));
      start = end;
    }
    yield parts;
  }
}

/** The frames of a text message in these fragments, without a mask, each after the first after what is put between. */
function framesOf(parts: readonly Buffer[], isCompressed: boolean, between: string): string {
  return parts.map((payload, index) => encodeNaive({
    fin: index === parts.length - 1, rsv1: isCompressed && index === 0, opcode: index === 0 ? 1 : 0, payload,
  }).toString('hex')).join(between);
}

for (const role of roles) {
  for (const isCompressed of [false, true]) {
    const kind = isCompressed ? 'compressed' : 'plain';
    const test = suite(`connection/message-steps, ${role}, ${kind}`);
    test.after.each(terminateAll);

    const how = { role, deflate: isCompressed ? deflate : null };

    test('§5.4 every fragmentation, with pings and empty fragments between, in one chunk or in many', async () => {
      // RFC 7692 §7.2.3.1, and characters of one, two and three bytes.
      const [payload, text] = isCompressed ? [hex('f248cdc9c90700'), 'Hello'] : [Buffer.from('aä你b'), 'aä你b'];
      let count = 0;
      for (const parts of fragmentations(payload)) {
        count++;
        for (const between of ['', '8900', '0000']) {
          const isAtOnce = count % 2 === 0;
          const opened = open(how);
          const { connection } = opened;
          const wait = connection.receive();
          const frames = parts.map((_, index) => framesOf(parts, isCompressed, '|').split('|')[index]!);
          if (isAtOnce) await opened.receive(frames.join(between));
          else for (const [index, frame] of frames.entries()) await opened.receive((index > 0 ? between : '') + frame);
          const message = (await wait)!;
          let content = '';
          for await (const chunk of message.chunks) content += chunk as string;
          assert.is(content, text);
          await opened.assertSent(between === '8900' ? '8a00'.repeat(parts.length - 1) : '');
          connection.terminate();
        }
      }
      assert.is(count, 2 ** (payload.length - 1));
    });

    // ── Ends of a message that is sent ──

    /** A source of three chunks that tells how far it was asked, and whether it was left. */
    class Source implements AsyncIterable<string> {
      asked = 0;
      left = 0;
      readonly #failAt: number;

      constructor(failAt = Infinity) {
        this.#failAt = failAt;
      }

      [Symbol.asyncIterator](): AsyncIterator<string> {
        return {
          next: async () => {
            const number = this.asked++;
            await Promise.resolve();
            if (number === this.#failAt) throw new Error('the source has failed');
            return number < CHUNKS.length ? { value: CHUNKS[number]!, done: false } : { value: undefined, done: true };
          },
          return: async () => {
            this.left++;
            return { value: undefined, done: true };
          },
        };
      }
    }

    /** The texts of the fragments that were sent, and the codes of Close frames. */
    function sentBy(opened: Opened): string[] {
      const { frames } = decodeNaive(hex(unmask(role, opened.stream.written)));
      const payloads: Buffer[] = [];
      let known = 0;
      return frames.map(({ opcode, fin, rsv1, payload }, index) => {
        if (opcode === 8) return `close ${payload.readUInt16BE()}`;
        assert.is(opcode, index === 0 ? 1 : 0);
        assert.is(rsv1, isCompressed && index === 0);
        let text = payload.toString();
        if (isCompressed) {
          payloads.push(payload);
          const all = Buffer.from(inflateNaive(Buffer.concat([...payloads, ...(fin ? [hex('0000ffff')] : [])])).bytes);
          text = all.subarray(known).toString();
          known = all.length;
        }
        return fin ? `${text} FIN` : text;
      });
    }

    const CHUNKS = ['first, ', 'second, ', 'third'];
    const WHOLE = [...CHUNKS, ' FIN'];

    /** Asserts that a beginning of the message was sent, and then this; or all of the message, and nothing else. */
    function assertBeginning(sent: readonly string[], end: readonly string[], detail: string): boolean {
      const isWhole = sent.includes(' FIN');
      const data = sent.slice(0, sent.length - (isWhole ? 0 : end.length));
      assert.equal(isWhole ? sent.slice(0, 4) : data, WHOLE.slice(0, isWhole ? 4 : data.length), detail);
      if (!isWhole && data.length > 0) assert.equal(sent.slice(data.length), end, detail);
      return isWhole;
    }

    /** A source that has begun and has not come to its end is left, once. */
    function assertLeft({ asked, left }: Source, detail: string): void {
      if (asked <= CHUNKS.length) assert.is(left, asked === 0 ? 0 : 1, detail);
      else assert.ok(left <= 1, detail);
    }

    /** Steps of promises until a message of three chunks is sent, and some more. */
    const STEPS = 80;

    test('an abort at every step: nothing was sent, or a beginning and 1011, or all of it', async () => {
      const outcomes = new Set<string>();
      for (let step = 0; step < STEPS; step++) {
        const opened = open(how);
        const controller = new AbortController();
        const source = new Source();
        const reason = new Error('enough');
        const sent = opened.connection.send(source, { signal: controller.signal, compress: true });
        const settled = sent.then(() => 'sent', (error: unknown) => error);
        for (let done = 0; done < step; done++) await Promise.resolve();
        controller.abort(reason);
        const result = await settled;
        await nextTurn();
        const frames = sentBy(opened);
        const hasBegun = frames.length > 0;
        const isWhole = assertBeginning(frames, ['close 1011'], `step ${step}: ${frames}`);
        assert.is(result, isWhole ? 'sent' : reason, `step ${step}`);
        assert.is(opened.connection.state, hasBegun && !isWhole ? 'closing' : 'open', `step ${step}`);
        assertLeft(source, `step ${step}`);
        outcomes.add(isWhole ? 'all' : hasBegun ? `${frames.length - 1}` : 'nothing');
        opened.connection.terminate();
      }
      assert.equal([...outcomes].sort(), ['1', '2', '3', 'all', 'nothing']);
    });

    test('a source that fails at every step', async () => {
      for (let failAt = 0; failAt <= CHUNKS.length; failAt++) {
        const opened = open(how);
        const source = new Source(failAt);
        const result = await opened.connection.send(source, { compress: true }).catch((error: Error) => error.message);
        await nextTurn();
        assert.is(result, 'the source has failed');
        assert.equal(sentBy(opened), [...CHUNKS.slice(0, failAt), ...(failAt > 0 ? ['close 1011'] : [])]);
        opened.connection.terminate();
      }
    });

    const ends: readonly (readonly [name: string, end: (opened: Opened) => void, close: string[]])[] = [
      ['our Close', ({ connection }) => void connection.close(), ['close 1000']],
      ['terminate()', ({ connection }) => connection.terminate(), []],
      ['their Close', ({ stream }) => void stream.receive(peerBytes(role, CLOSE_1000)), ['close 1000']],
      ['the end of the stream', ({ stream }) => stream.receiveEnd(), []],
      ['a reset', ({ stream }) => stream.reset(), []],
    ];

    for (const [name, end, close] of ends) {
      test(`${name} at every step: a beginning of the message was sent, or all of it`, async () => {
        for (let step = 0; step < STEPS; step += 3) {
          const opened = open(how);
          const source = new Source();
          const sent = opened.connection.send(source, { compress: true });
          const settled = sent.then(() => 'sent', (error: unknown) => error);
          for (let done = 0; done < step; done++) await Promise.resolve();
          end(opened);
          const result = await settled;
          for (let turn = 0; turn < 3; turn++) await nextTurn();
          const frames = sentBy(opened);
          const isWhole = frames.includes(' FIN');
          const data = isWhole ? WHOLE : WHOLE.slice(0, Math.max(0, frames.length - close.length));
          assert.equal(frames, [...data, ...close], `step ${step}`);
          if (result === 'sent') assert.ok(isWhole || close.length === 0, `step ${step}`);
          else assert.instance(result, ConnectionClosed, `step ${step}`);
          assertLeft(source, `step ${step}`);
          opened.connection.terminate();
        }
      });
    }

    test.run();
  }
}
