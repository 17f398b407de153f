// One extended CONNECT by itself: a refusal that is not read, and a stream whose session has gone.
import { once } from 'node:events';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { HttpError } from '../../src/errors.js';
import { ConnectStream } from '../../src/server/connect-stream.js';
import type { HttpContext } from '../../src/server/http-connection.js';
import { suite } from '../runner/suite.js';
import { Clock } from '../support/clock.js';
import { RawSession } from '../support/peers/raw-session.js';
import { until } from './harness.js';

const test = suite('connect-stream');

const REFUSAL_TIME = 2000;

test('a refusal that is not read within two seconds is cut', async () => {
  using clock = new Clock(REFUSAL_TIME);
  const refused: string[] = [];
  const context = {
    httpConnections: new Set(),
    onRefuse: (error: HttpError, { remoteAddress }: { remoteAddress: string }) => {
      refused.push(`${error.code} ${remoteAddress}`);
    },
  } as unknown as HttpContext;
  const server = createHttp2Server({ settings: { enableConnectProtocol: true } });
  server.on('stream', (stream) => {
    new ConnectStream(stream, context, () => {
      throw new HttpError('HOST_INVALID', 400, 'the host is not valid');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  {
    // It gives no room for a byte of the body.
    const settings = { initialWindowSize: 0 };
    await using session = await RawSession.connect((server.address() as AddressInfo).port, { settings });
    const { status, stream } = await session.ask('/');
    assert.equal([status, refused, clock.timers], [400, ['HOST_INVALID 127.0.0.1'], 1]);
    const closed = once(stream, 'close');
    clock.advance(REFUSAL_TIME);
    await closed;
    assert.is(stream.rstCode, 8);
    await until('nothing is kept', () => context.httpConnections.size === 0 && clock.timers === 0);
  }
  await new Promise((resolve) => server.close(resolve));
});

test('without a session there is no address', () => {
  const stream = { session: undefined, destroyed: true, on: () => stream } as unknown as ServerHttp2Stream;
  const context = { httpConnections: new Set(), onRefuse: () => {} } as unknown as HttpContext;
  const connection = new ConnectStream(stream, context, () => {
    throw new HttpError('HOST_INVALID', 400, 'the host is not valid');
  });
  assert.is(connection.remoteAddress, '');
});

test.run();
