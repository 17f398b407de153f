// The server ends, resets, garbles or falls silent at every byte of its answer and of the first frames.
//
// The invariant: `connect` settles with a connection or a documented error; `closed` settles with the right code;
// what came whole before is delivered; nothing is reported as unhandled, and nothing stays open.
import * as assert from 'uvu/assert';
import { connect } from '../../src/client/connect.js';
import type { Connection } from '../../src/connection/connection.js';
import { HandshakeError } from '../../src/errors.js';
import { suite } from '../runner/suite.js';
import { RawServer } from '../support/peers/raw-server.js';
import { collect, readRequest, switching } from './harness.js';

const test = suite('client/faults', { timeout: 120_000 });

/** Text `one`, a ping, text `two` in two fragments, and Close with 1000 and the reason `bye`. */
const FRAMES = '\x81\x03one\x89\x01p\x01\x02tw\x80\x01o\x88\x05\x03\xe8bye';

/** How many of the frames' bytes each message takes to be whole, and the Close frame. */
const ONE = 5;
const TWO = 15;
const CLOSE = 22;

/** How long the head of the answer is. */
const HEAD = 129;

interface Outcome {
  readonly error: NodeJS.ErrnoException | null;
  readonly messages: readonly (string | Buffer)[];
  readonly code: number;
}

async function outcomeOf(connecting: Promise<Connection>): Promise<Outcome> {
  try {
    const connection = await connecting;
    const messages = await collect(connection);
    const { code, wasClean, error } = await connection.closed;
    assert.is(wasClean, code !== 1006);
    assert.ok(error === undefined || (error as NodeJS.ErrnoException).code === 'ECONNRESET', String(error));
    return { error: null, messages, code };
  } catch (error) {
    return { error: error as NodeJS.ErrnoException, messages: [], code: 0 };
  }
}

/** Runs one client against the first `place` bytes of an answer. */
async function run(server: RawServer, place: number, ending: 'end' | 'reset', isSplit: boolean): Promise<Outcome> {
  const outcome = outcomeOf(connect(server.url, { closeTimeout: 20_000 }));
  const peer = await server.accept();
  const bytes = switching(await readRequest(peer)) + FRAMES;
  assert.is(bytes.length, HEAD + CLOSE);
  const parts = isSplit ? [bytes.slice(0, place >> 1), bytes.slice(place >> 1, place)] : [bytes.slice(0, place)];
  for (const part of parts) await new Promise<void>((resolve) => peer.socket.write(part, 'latin1', () => resolve()));
  if (ending === 'end') peer.socket.end();
  else peer.socket.resetAndDestroy();
  const result = await outcome;
  await peer.readToEnd();
  return result;
}

for (const isSplit of [false, true]) {
  const how = isSplit ? ' in two segments' : '';

  test(`the end of the stream behind each byte${how}`, async () => {
    for (let place = 0; place <= HEAD + CLOSE; place++) {
      await using server = await RawServer.listen();
      const { error, messages, code } = await run(server, place, 'end', isSplit);
      if (place < HEAD) {
        assert.instance(error, HandshakeError);
        assert.is(error?.code, 'CONNECTION_LOST', `behind ${place} bytes`);
        continue;
      }
      assert.is(error, null);
      const expected = [...(place >= HEAD + ONE ? ['one'] : []), ...(place >= HEAD + TWO ? ['two'] : [])];
      assert.equal(messages, expected, `behind ${place} bytes`);
      assert.is(code, place === HEAD + CLOSE ? 1000 : 1006, `behind ${place} bytes`);
    }
  });

  test(`a reset behind each byte${how}`, async () => {
    for (let place = 0; place <= HEAD + CLOSE; place++) {
      await using server = await RawServer.listen();
      const { error, messages, code } = await run(server, place, 'reset', isSplit);
      // A reset may overtake bytes that the client has not read yet.
      if (error !== null) {
        assert.ok(['ECONNRESET', 'CONNECTION_LOST', 'EPIPE'].includes(error.code!), `behind ${place} bytes: ${error}`);
        continue;
      }
      assert.ok(place >= HEAD, 'a connection without an answer');
      assert.equal(messages, ['one', 'two'].slice(0, messages.length));
      assert.ok(messages.length <= (place >= HEAD + TWO ? 2 : place >= HEAD + ONE ? 1 : 0));
      assert.ok(code === 1006 || (code === 1000 && place === HEAD + CLOSE), `behind ${place} bytes: ${code}`);
    }
  });
}

test('another byte at each place of the head: an upgrade or a documented refusal', async () => {
  await using server = await RawServer.listen();
  const codes = new Set<string>();
  for (let place = 0; place < HEAD; place++) {
    for (const byte of ['\0', '\n', '\xff', ' ', '9']) {
      const attempt = connect(server.url).then((connection) => {
        connection.terminate();
        return connection.closed;
      }, (error: unknown) => {
        if (!(error instanceof HandshakeError)) throw error;
        codes.add(error.code);
      });
      const peer = await server.accept();
      const answer = switching(await readRequest(peer));
      peer.write(answer.slice(0, place) + byte + answer.slice(place + 1));
      peer.socket.end();
      await attempt;
      await peer.readToEnd();
    }
  }
  // `CONNECTION_LOST` when 101 has become an interim status, or the empty line was swallowed.
  assert.equal([...codes].sort(), [
    'ACCEPT_INVALID', 'BYTE_INVALID', 'CONNECTION_LOST', 'CONNECTION_NOT_UPGRADE', 'FOLDING_OBSOLETE',
    'HEADER_INVALID', 'LINE_ENDING_INVALID', 'STATUS_LINE_INVALID', 'UPGRADE_NOT_WEBSOCKET',
  ]);
});

test('the client goes away at each byte that comes: the server sees the end', async () => {
  await using server = await RawServer.listen();
  for (let place = 0; place <= HEAD; place += 3) {
    const controller = new AbortController();
    const outcome = connect(server.url, { signal: controller.signal }).then(
      (connection) => connection.terminate(),
      (error: Error) => assert.is(error.name, 'AbortError'),
    );
    const peer = await server.accept();
    const answer = switching(await readRequest(peer));
    peer.write(answer.slice(0, place));
    setImmediate(() => controller.abort());
    await outcome;
    await peer.readToEnd();
  }
});

test.run();
