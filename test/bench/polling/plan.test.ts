// The plan of the polling study: windows that hold whole intervals, and rounds that leave the machine room.
import * as assert from 'uvu/assert';
import { full, loadOf, quick, roundsOf, settingsOf, windowOf } from '../../../bench/polling/plan.js';
import { nameOf } from '../../../bench/polling/setting.js';
import { suite } from '../../runner/suite.js';

const test = suite('plan of the study');

for (const [name, scale] of Object.entries({ full, quick })) {
  const settings = settingsOf(scale);
  const rounds = roundsOf(settings, scale);

  test(`${name}: every setting is in one round`, () => {
    const planned = rounds.flatMap((round) => round.settings.map(nameOf));
    assert.is(planned.length, settings.length);
    assert.is(new Set(planned).size, settings.length);
  });

  test(`${name}: a window holds whole intervals, of updates and of polls`, () => {
    for (const setting of settings) {
      const window = windowOf(setting, scale);
      assert.is(window % setting.updateInterval, 0, nameOf(setting));
      assert.is(window % (setting.pollInterval ?? 1), 0, nameOf(setting));
      assert.ok(window >= setting.updateInterval * scale.updates, nameOf(setting));
    }
  });

  test(`${name}: what is heavy is alone`, () => {
    for (const { settings: together } of rounds) {
      const load = together.reduce((sum, setting) => sum + loadOf(setting), 0);
      assert.ok(together.length === 1 || load <= 0.4, together.map(nameOf).join('; '));
    }
  });

  test(`${name}: the newest is only asked for more often than there is one`, () => {
    for (const { transport, pollInterval, updateInterval } of settings) {
      assert.ok(transport !== 'latest' || pollInterval! < updateInterval);
    }
  });
}

test.run();
