// The owner of a stream: told all that happens on it, until another takes over.
import * as assert from 'uvu/assert';
import { setOwner, type StreamOwner } from '../../src/stream/owner.js';
import { countLiveBytes } from '../frame/memory.js';
import { suite } from '../runner/suite.js';
import { FakeStream } from '../support/peers/fake-stream.js';

const test = suite('stream owner');

function recorder(name: string, events: string[]): StreamOwner {
  return {
    receive: (chunk) => void events.push(`${name} receives ${chunk}`),
    receiveEnd: () => void events.push(`${name} receives the end`),
    drain: () => void events.push(`${name} may write`),
    receiveError: ({ message }) => void events.push(`${name} receives ${message}`),
    conclude: () => void events.push(`${name} concludes`),
  };
}

test('each event goes to the owner', async () => {
  const events: string[] = [];
  const stream = new FakeStream();
  setOwner(stream, recorder('one', events));
  stream.receive(Buffer.from('bytes'));
  stream.receiveEnd();
  await new Promise(setImmediate);
  stream.emit('drain');
  stream.destroy(new Error('a reset'));
  await new Promise(setImmediate);
  const expected = ['one receives bytes', 'one receives the end', 'one may write', 'one receives a reset'];
  assert.equal(events, [...expected, 'one concludes']);
});

test('the next owner takes the place of the one before', async () => {
  const events: string[] = [];
  const stream = new FakeStream();
  setOwner(stream, recorder('one', events));
  stream.receive(Buffer.from('before'));
  await new Promise(setImmediate);
  setOwner(stream, recorder('other', events));
  stream.receive(Buffer.from('behind'));
  await new Promise(setImmediate);
  stream.destroy();
  await new Promise(setImmediate);
  assert.equal(events, ['one receives before', 'other receives behind', 'other concludes']);
});

test('a closed stream doesn\'t keep its owner', async () => {
  const stream = new FakeStream();
  let owner: StreamOwner | null = recorder('one', []);
  const kept = new WeakRef(owner);
  setOwner(stream, owner);
  owner = null;
  stream.destroy();
  // A target stays until the turn is over in which its WeakRef was made.
  await new Promise(setImmediate);
  countLiveBytes();
  assert.is(kept.deref(), undefined);
  assert.is(stream.destroyed, true);
});

test.run();
