// What every JavaScript client does with our server.
import * as assert from 'uvu/assert';
import type { DeflateOptions } from '../../src/index.js';
import type { Suite } from '../runner/suite.js';
import { startExchangeServer } from './exchange-server.js';
import { sourcePath } from './packages.js';
import {
  bytesOf, closeFrames, digest, longestReason, repeatedTexts, serverCloseFrames, sizes, texts,
} from './payloads.js';
import { PeerProcess, type Command } from './peer-process.js';
import { compressible, deflateSettings, Recorder, repeatedCompressible, type DeflateSetting } from './recorder.js';

/** A client, and what its API can do. */
export interface ClientPeer {
  /** Has it perform an exchange, and returns what it saw; ends the test if the peer is not there. */
  perform(origin: string, exchange: string, argument: unknown): Promise<unknown>;
  readonly canPing: boolean;
  readonly canFragment: boolean;
  /** Whether it compresses what it sends, where that was agreed on. */
  readonly canDeflate: boolean;
  /** What it can agree to; none if it does not speak permessage-deflate. */
  readonly compresses: readonly DeflateSetting[];
  /** Close codes that it answers with an error of its own, although they may be sent. */
  readonly refusedCodes: readonly number[];
}

/**
 * Performs each exchange in a process of its own.
 * @param runtime finds out how to run a script
 * @param implementation the package with the `WebSocket`, or `global`
 */
export function inProcess(runtime: () => Command, implementation: 'ws' | 'undici' | 'global'): ClientPeer['perform'] {
  return async (origin, exchange, argument) => {
    const args = [sourcePath('javascript-client.mjs'), implementation, origin, exchange, JSON.stringify(argument)];
    await using client = new PeerProcess([...runtime(), ...args]);
    return await client.next();
  };
}

/** Adds the exchanges to a suite. */
export function addClientExchanges(test: Suite, peer: ClientPeer): void {
  function add(name: string, argument: unknown, expected: unknown): void {
    test(`as the client: ${name}`, async () => {
      await using server = await startExchangeServer();
      assert.equal(await peer.perform(server.origin, name, argument), expected);
      assert.equal(server.errors, []);
    });
  }

  add('text', repeatedTexts, texts.map(digest));
  add('binary', sizes, sizes.map((size) => digest(bytesOf(size))));
  add('pipeline', 1000, Array.from({ length: 1000 }, (_, number) => `${number}`));
  add('pinged', null, 'each ping was answered');
  add('subprotocol', ['none', 'chat.v2', 'chat.v1'], 'chat.v1');

  const accepted = serverCloseFrames.filter(([code]) => !peer.refusedCodes.includes(code));
  add('closed', accepted, accepted.map(([code, reason]) => [code, reason, true]));

  if (peer.canPing) {
    const payloads = ['', 'ping', '你好', 'p'.repeat(125)];
    add('ping', payloads, payloads);
  }

  if (peer.canFragment) {
    const bytes = Buffer.concat(Array.from({ length: 256 }, (_, part) => Buffer.alloc(1000, part)));
    add('fragments', null, [['behind 1', 'behind 1', 'behind 8', 'behind 13'], 'Hello, 世界', digest(bytes)]);
  }

  for (const setting of peer.compresses) {
    const deflate: DeflateOptions = deflateSettings[setting];
    for (const inPieces of [false, true]) {
      test(`as the client: compressed${inPieces ? ' in pieces' : ''}, ${setting}`, async () => {
        await using server = await startExchangeServer({ deflate }, inPieces);
        await using recorder = await Recorder.listen(server.port);
        const origin = `ws://127.0.0.1:${recorder.port}`;
        const seen = await peer.perform(origin, 'text', repeatedCompressible);
        assert.equal(seen, compressible.map(digest));
        assert.equal(server.errors, []);
        recorder.assertCompressed('server', deflate, compressible, peer.canDeflate);
      });
    }
  }

  test('as the client: close', async () => {
    await using server = await startExchangeServer();
    const frames = [[], ...closeFrames];
    const seen = await peer.perform(server.origin, 'close', frames);
    // §5.5.1: our server echoes the code; a Close frame without one has 1005 on both sides.
    assert.equal(seen, frames.map(([code = 1005]) => [code, '', true]));
    const closes = await Promise.all(server.closes);
    assert.equal(closes, frames.map(([code = 1005, reason = '']) => ({ code, reason, wasClean: true })));
    assert.is(Buffer.byteLength(longestReason), 123);
    assert.equal(server.errors, []);
  });
}
