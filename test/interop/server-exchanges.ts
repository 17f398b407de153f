// What our client does with every JavaScript server: one process for a suite, one connection for a test.
import * as assert from 'uvu/assert';
import { connect, type ConnectOptions, type Connection, type DeflateOptions } from '../../src/index.js';
import type { Suite } from '../runner/suite.js';
import { bytesOf, digest, serverCloseFrames, sizes, texts } from './payloads.js';
import { PeerProcess, type Command } from './peer-process.js';
import { compressible, deflateSettings, inPieces, Recorder, type DeflateSetting } from './recorder.js';

/** A server, and what its API can do. */
export interface ServerPeer {
  /** How to run the server; ends the test if the peer is not there. */
  command(): Command;
  /** `null` if it has no way to send pings. */
  readonly pings: 'at once' | 'when idle' | null;
  readonly canFragment: boolean;
  /** What it can agree to; none if it does not speak permessage-deflate. */
  readonly compresses: readonly DeflateSetting[];
  /** Close codes that it answers with an error of its own, although they may be sent. */
  readonly refusedCodes: readonly number[];
}

/** Adds the exchanges to a suite. */
export function addServerExchanges(test: Suite, peer: ServerPeer): void {
  let server: PeerProcess | undefined;
  let port: unknown;

  test.before(async () => {
    server = new PeerProcess(peer.command());
    port = await server.next();
  });

  test.after(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  function open(path: string, options?: ConnectOptions): Promise<Connection> {
    return connect(`ws://127.0.0.1:${port}${path}`, options);
  }

  test('as the server: text and binary', async () => {
    await using connection = await open('/echo/');
    for (const message of [...texts, ...sizes.map(bytesOf)]) {
      await connection.send(message);
      const answer = await connection.wait();
      assert.equal(digest(answer!), digest(message));
    }
  });

  test('as the server: all is sent before anything is read', async () => {
    await using connection = await open('/echo/');
    for (let number = 0; number < 1000; number++) void connection.send(`${number}`);
    for (let number = 0; number < 1000; number++) assert.is(await connection.wait(), `${number}`);
  });

  test('as the server: our pings', async () => {
    await using connection = await open('/echo/');
    for (const payload of ['', 'ping', Buffer.alloc(125, 255), undefined]) {
      assert.ok((await connection.ping(payload)) >= 0);
    }
  });

  test('as the server: subprotocols', async () => {
    await using one = await open('/echo/', { subprotocols: ['none', 'chat.v2'] });
    assert.is(one.subprotocol, 'chat.v2');
    await using none = await open('/echo/');
    assert.is(none.subprotocol, '');
  });

  test('as the server: we close', async () => {
    for (const [code, reason] of serverCloseFrames) {
      if (peer.refusedCodes.includes(code)) continue;
      const connection = await open('/report/');
      const close = await connection.close(code, reason);
      assert.equal([close.code, close.wasClean], [code, true]);
      assert.equal(await server!.next(), [code, reason]);
    }
  });

  test('as the server: it closes', async () => {
    for (const [code, reason] of serverCloseFrames) {
      const connection = await open(`/close/?${new URLSearchParams({ code: `${code}`, reason })}`);
      assert.equal(await connection.closed, { code, reason, wasClean: true });
      assert.is(await connection.wait(), null);
    }
  });

  for (const setting of peer.compresses) {
    const deflate: DeflateOptions = deflateSettings[setting];
    test(`as the server: compressed, ${setting}`, async () => {
      await using recorder = await Recorder.listen(port as number);
      await using connection = await connect(`ws://127.0.0.1:${recorder.port}/echo/`, { deflate });
      for (const message of compressible) {
        await connection.send(message);
        assert.equal(digest((await connection.wait())!), digest(message));
      }
      recorder.assertCompressed('client', deflate, compressible);
    });

    test(`as the server: compressed in pieces, ${setting}`, async () => {
      await using recorder = await Recorder.listen(port as number);
      await using connection = await connect(`ws://127.0.0.1:${recorder.port}/echo/`, { deflate });
      for (const message of compressible) {
        await connection.send(inPieces(message));
        assert.is(await (await connection.receive())!.text(), message);
      }
      recorder.assertCompressed('client', deflate, compressible);
    });
  }

  if (peer.pings === 'at once') {
    test('as the server: its pings', async () => {
      await using connection = await open('/ping/');
      assert.equal([await connection.wait(), await connection.wait()], ['pong: ', 'pong: payload']);
    });
  }

  if (peer.pings === 'when idle') {
    test('as the server: its pings while nothing is sent', async () => {
      await using connection = await open('/idle/');
      assert.is(await connection.wait(), 'still here');
    });
  }

  if (peer.canFragment) {
    test('as the server: fragmented messages', async () => {
      await using connection = await open('/fragments/');
      assert.is(await connection.wait(), 'Hello, 世界');
      const bytes = Buffer.concat(Array.from({ length: 256 }, (_, part) => Buffer.alloc(1000, part)));
      assert.equal(digest((await connection.wait())!), digest(bytes));
    });
  }
}
