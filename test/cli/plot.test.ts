// The picture of a distribution: its axes, its curve, and what is written beside them.
import * as assert from 'uvu/assert';
import { Histogram } from '../../src/cli/histogram.js';
import { plot } from '../../src/cli/plot.js';
import { suite } from '../runner/suite.js';

const test = suite('cli/plot');

function histogramOf(...times: number[]): Histogram {
  const histogram = new Histogram();
  for (const time of times) histogram.record(time);
  return histogram;
}

/** What is written from the third line on: the first two are titles. */
function textsOf(svg: string): string[] {
  return Array.from(svg.matchAll(/<text[^>]*>([^<]*)</g), ([, text]) => text!).slice(2);
}

function pointsOf(svg: string): string[] {
  return /points="([^"]*)"/.exec(svg)?.[1]?.split(' ') ?? [];
}

test('ten answers after a millisecond: a flat line at the lower of two ticks', () => {
  const svg = plot(histogramOf(...Array.from({ length: 10 }, () => 1000)), 'ten of them');
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" [^]*<\/svg>\n$/);
  assert.match(svg, '>ten of them</text>');
  assert.match(svg, ' of 10 answers ');
  // 1 and 2 ms, half of all and all, and how long those took.
  assert.equal(textsOf(svg), ['1', '2', '50 %', 'all', '1', '1']);
  const points = pointsOf(svg);
  assert.equal([points.length, points[0], points[600]], [601, '70,340', '670,340']);
  // log10 2 = 0.30103 of the way from 70 to 670
  assert.match(svg, '<circle class="dot" cx="250.618" cy="340" r="4"/>');
  assert.match(svg, '<circle class="dot" cx="670" cy="340" r="4"/>');
});

test('one of a hundred is slow: each nine has as much room as all before it', () => {
  const svg = plot(histogramOf(...Array.from({ length: 99 }, () => 1000), 100_000), 'slow');
  assert.equal(textsOf(svg), [
    '1', '2', '5', '10', '20', '50', '100', '50 %', '90 %', 'all', '1', '1', '100',
  ]);
  const points = pointsOf(svg);
  // At 90 %, in the middle; just before 99 %; and the longest. 1000 stands in the histogram with up to 1003, which is
  // 0.00065 of the way from 1000 to 100,000.
  assert.equal([points[300], points[599]!.split(',')[1], points[600]], ['370,339.8179', '339.8179', '670,60']);
});

test('a long axis has powers of ten only; the first nines are without numbers where there are none', () => {
  const times = Array.from({ length: 20_000 }, (_, index) => index + 1);
  const svg = plot(histogramOf(0, ...times, 5_000_000), 'long');
  assert.equal(textsOf(svg), [
    '0.001', '0.01', '0.1', '1', '10', '100', '1000', '50 %', '90 %', '99 %', '99.9 %', '99.99 %', 'all',
    // 19,981 and 19,999 stand with up to 20,095.
    '10', '18', '19.8', '20.1', '20.1', '5000',
  ]);
});

test('no answer: axes without a curve', () => {
  const svg = plot(new Histogram(), 'none');
  assert.equal([pointsOf(svg), svg.includes('circle')], [[], false]);
  assert.equal(textsOf(svg), ['0.001', '0.002', '50 %', 'all']);
});

test('both colours of a page: the one of the reader', () => {
  assert.match(plot(new Histogram(), 'none'), '@media (prefers-color-scheme: dark)');
});

test.run();
