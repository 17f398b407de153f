// Redis by a client: what is asked without a connection. Connections are tested in interop.
import { rejects } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { redisOf } from '../../src/feed/redis-client.js';
import { suite } from '../runner/suite.js';

const test = suite('redis client');

/** A client in a state, which notes what it is asked. */
function clientIn(status: string) {
  const asked: string[] = [];
  return { status, asked, duplicate() {}, call: async (...command: string[]) => void asked.push(command.join(' ')) };
}

test('one client has one', () => {
  const client = clientIn('ready');
  assert.is(redisOf(client), redisOf(client));
});

test('a client that was connected is asked nothing until it is again, but does what it is told', async () => {
  const client = clientIn('connecting');
  const redis = redisOf(client);
  await redis.ask('XRANGE', '1');
  client.status = 'ready';
  await redis.ask('XRANGE', '2');
  for (const status of ['close', 'reconnecting', 'connecting']) {
    client.status = status;
    await rejects(redis.ask('XRANGE', '3'), { name: 'Error', message: 'there is no connection to Redis' });
  }
  await redis.command('EVAL', '4');
  client.status = 'ready';
  await redis.ask('XRANGE', '5');
  assert.equal(client.asked, ['XRANGE 1', 'XRANGE 2', 'EVAL 4', 'XRANGE 5']);
});

test('a script that Redis does not know, or has forgotten, is not run until it is loaded', async () => {
  const forgotten = new Error('NOSCRIPT No matching script');
  const answers: (string | Error)[] = ['sha', 'one', forgotten, 'sha', new Error('lost')];
  const asked: string[] = [];
  const redis = redisOf({
    status: 'ready',
    duplicate() {},
    async call(...command: string[]) {
      asked.push(command.join(' '));
      const answer = answers.shift()!;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  const run = (): Promise<unknown> => redis.run('return 1', 'key', 'x');
  assert.is(await run(), null);
  await redis.load('return 1');
  assert.equal([await run(), await run(), await run()], ['one', null, null]);
  await redis.load('return 1');
  await rejects(run(), { message: 'lost' });
  const sent = 'EVALSHA sha 1 key x';
  assert.equal(asked, ['SCRIPT LOAD return 1', sent, sent, 'SCRIPT LOAD return 1', sent]);
});

test.run();
