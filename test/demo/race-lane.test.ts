// The counts of a lane: what is open counts as it grows, what is over counts once, and what was for nothing apart.
import * as assert from 'uvu/assert';
import { Lane } from '../../src/demo/race-lane.js';
import { suite } from '../runner/suite.js';

/** A request whose counts are the test's. */
function requestOf(bytesRead: number): { traffic: { bytesRead: number; bytesWritten: number; isFinal: boolean } } {
  return { traffic: { bytesRead, bytesWritten: 0, isFinal: false } };
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
  two.traffic.bytesWritten = 7;
  assert.equal(lane.count(), { requests: 2, wasted: 0, bytesRead: 150, bytesWritten: 7, bytesWasted: 0 });
  one.traffic.bytesWritten = 1000;
  one.traffic.isFinal = true;
  for (let round = 0; round < 3; round++) {
    assert.equal(lane.count(), { requests: 2, wasted: 0, bytesRead: 150, bytesWritten: 1007, bytesWasted: 0 });
  }
  // It was counted for the last time.
  one.traffic.bytesWritten = 2000;
  two.traffic.bytesWritten = 8;
  assert.is(lane.count().bytesWritten, 1008);
});

lanes('both directions of a request without news were for nothing', () => {
  const lane = new Lane();
  const wasted = requestOf(100);
  lane.begin(requestOf(10));
  lane.begin(wasted);
  lane.waste(wasted);
  wasted.traffic.bytesWritten = 65;
  assert.equal(lane.count(), { requests: 2, wasted: 1, bytesRead: 110, bytesWritten: 65, bytesWasted: 165 });
  wasted.traffic.isFinal = true;
  lane.count();
  assert.equal(lane.count(), { requests: 2, wasted: 1, bytesRead: 110, bytesWritten: 65, bytesWasted: 165 });
});

lanes.run();
