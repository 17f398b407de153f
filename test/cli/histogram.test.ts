// Quantiles of times, exact where they are short, and to one per cent elsewhere.
import * as assert from 'uvu/assert';
import { Histogram } from '../../src/cli/histogram.js';
import { suite } from '../runner/suite.js';

const test = suite('cli/histogram');

test('nothing was recorded', () => {
  const histogram = new Histogram();
  assert.equal([histogram.count, histogram.mean, histogram.longest, histogram.quantile(0.5)], [0, 0, 0, 0]);
});

test('short times are exact', () => {
  const histogram = new Histogram();
  for (let time = 0; time <= 200; time++) histogram.record(time);
  assert.equal([0, 0.25, 0.5, 0.99, 1].map((part) => histogram.quantile(part)), [0, 50, 100, 198, 200]);
  assert.equal([histogram.count, histogram.mean, histogram.longest], [201, 100, 200]);
});

test('each time is found to less than one per cent, and never beyond the longest', () => {
  for (let time = 1; time < 2 ** 40; time = Math.ceil(time * 1.7)) {
    const histogram = new Histogram();
    histogram.record(time);
    histogram.record(2 ** 40);
    const found = histogram.quantile(0.5);
    assert.ok(found >= time && found < time * 1.01, `${found} for ${time}`);
    assert.is(histogram.quantile(1), 2 ** 40 - 1);
  }
});

test('times out of its range count as the nearest', () => {
  const histogram = new Histogram();
  histogram.record(-5);
  histogram.record(1e18);
  assert.equal([histogram.quantile(0.5), histogram.longest], [0, 2 ** 40 - 1]);
});

test.run();
