// Redis by a client: scripts that it knows, has forgotten or can't load. Connections are tested in interop.
import { rejects } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { redisOf } from '../../src/feed/redis-client.js';
import { suite } from '../runner/suite.js';

const test = suite('redis client');

/** A client that gives these answers, an error by rejection, and notes what was asked. */
function clientOf(...answers: (string | Error)[]) {
  const asked: string[] = [];
  const client = {
    duplicate() {},
    async call(...command: string[]): Promise<unknown> {
      asked.push(command.join(' '));
      const answer = answers.shift()!;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  return { client, asked };
}

test('a script is loaded once, and again when Redis has forgotten it', async () => {
  const { client, asked } = clientOf('sha', 'one', 'two', new Error('NOSCRIPT No matching script'), 'sha', 'three');
  const redis = redisOf(client);
  assert.is(redisOf(client), redis);
  const results = [];
  for (let count = 0; count < 3; count++) results.push(await redis.run('return 1', 'key', 'x'));
  assert.equal(results, ['one', 'two', 'three']);
  const run = 'EVALSHA sha 1 key x';
  assert.equal(asked, ['SCRIPT LOAD return 1', run, run, run, 'SCRIPT LOAD return 1', run]);
});

test('a script that Redis has forgotten as soon as it was loaded fails', async () => {
  const forgotten = new Error('NOSCRIPT No matching script');
  const { client, asked } = clientOf('sha', forgotten, 'sha', forgotten);
  await rejects(redisOf(client).run('return 1', 'key'), /NOSCRIPT/);
  assert.is(asked.length, 4);
});

test('a load that fails is told, and tried again', async () => {
  const { client } = clientOf(new Error('away'), 'sha', 'one');
  const redis = redisOf(client);
  await rejects(redis.run('return 1', 'key'), /away/);
  assert.is(await redis.run('return 1', 'key'), 'one');
});

test.run();
