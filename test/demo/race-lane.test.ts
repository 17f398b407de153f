// The counts of a lane: what is open counts as it grows, what is over counts once, and what was for nothing apart.
import * as assert from 'uvu/assert';
import { Lane } from '../../src/demo/race-lane.js';
import type { Request } from '../../src/server/request.js';
import { suite } from '../runner/suite.js';

/** A request whose counts are the test's. */
function requestOf(bytesRead: number): { exchange: Request['exchange'] & { bytesWritten: number; isOver: boolean } } {
  const { signal } = new AbortController();
  const readBody = (): Promise<Buffer> => Promise.resolve(Buffer.alloc(0));
  return { exchange: { remoteAddress: '', signal, readBody, leave() {}, bytesRead, bytesWritten: 0, isOver: false } };
}

const lanes = suite('race lane');

lanes('nothing yet', () => {
  assert.equal(new Lane().count(), { requests: 0, wasted: 0, bytesRead: 0, bytesWritten: 0, bytesWasted: 0 });
});

lanes('an open request counts what it has moved so far, one that is over what it moved in all', () => {
  const lane = new Lane();
  const one = requestOf(100);
  const two = requestOf(50);
  lane.begin(one);
  lane.begin(two);
  two.exchange.bytesWritten = 7;
  assert.equal(lane.count(), { requests: 2, wasted: 0, bytesRead: 150, bytesWritten: 7, bytesWasted: 0 });
  one.exchange.bytesWritten = 1000;
  one.exchange.isOver = true;
  for (let round = 0; round < 3; round++) {
    assert.equal(lane.count(), { requests: 2, wasted: 0, bytesRead: 150, bytesWritten: 1007, bytesWasted: 0 });
  }
  // It was counted for the last time.
  one.exchange.bytesWritten = 2000;
  two.exchange.bytesWritten = 8;
  assert.is(lane.count().bytesWritten, 1008);
});

lanes('both directions of a request without news were for nothing', () => {
  const lane = new Lane();
  const wasted = requestOf(100);
  lane.begin(requestOf(10));
  lane.begin(wasted);
  lane.waste(wasted);
  wasted.exchange.bytesWritten = 65;
  assert.equal(lane.count(), { requests: 2, wasted: 1, bytesRead: 110, bytesWritten: 65, bytesWasted: 165 });
  wasted.exchange.isOver = true;
  lane.count();
  assert.equal(lane.count(), { requests: 2, wasted: 1, bytesRead: 110, bytesWritten: 65, bytesWasted: 165 });
});

lanes.run();
