// A feed in a real Redis or NATS, served by two processes behind nginx, under chaos. `npm run bench -- chaos` goes on
// for longer, with more readers and updates.
import * as assert from 'uvu/assert';
import { suite } from '../runner/suite.js';
import { brokers } from './brokers.js';
import { chaos } from './feed-chaos.js';

for (const broker of Object.keys(brokers)) {
  const test = suite(`feed: chaos with ${broker}`);

  for (const isLost of [false, true]) {
    const what = isLost ? 'every reader is told that the broker has lost its data' : 'every reader has every update';
    test(`${what}, and has each once and in order, whatever happens`, async () => {
      const setting = { broker, isLost, readersPerTransport: 4, rate: 400, milliseconds: 2000 };
      const { updates, readers, moves } = await chaos(setting);
      assert.is(readers, 16);
      assert.ok(updates > 0 && moves > 0);
    });
  }

  test.run();
}
