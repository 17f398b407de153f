// The formulas of the polling study, against numbers counted by hand.
import * as assert from 'uvu/assert';
import * as model from '../../../bench/polling/model.js';
import { suite } from '../../runner/suite.js';

const test = suite('model');

/** One update a second, 20 bytes, and requests of 100 bytes. */
const job = { updateInterval: 1000, payload: 20, request: 100 };

test('a head is its lines, a line end each, and an empty line', () => {
  // "GET / HTTP/1.1" has 14 characters, "Host: a" has 7.
  assert.is(model.headBytes(['GET / HTTP/1.1', 'Host: a']), 14 + 2 + 7 + 2 + 2);
});

test('replies of polling, counted line by line', () => {
  // 204: 23 + 35 (Date) + 23 (Cache-Control), a line end each, and the empty line.
  assert.is(model.pollingReply(0, 20), 25 + 37 + 25 + 2);
  // 200: {"last":1000000,"updates":[ and ]} are 29 bytes; 49 with an update of 20, 70 with two and a comma.
  assert.is(model.pollingReply(1, 20), 17 + 37 + 25 + 32 + 20 + 2 + 49);
  assert.is(model.pollingReply(2, 20), 17 + 37 + 25 + 32 + 20 + 2 + 70);
  // From a body of 100 bytes on, Content-Length has a digit more: four updates make 29 + 80 + 3 = 112.
  assert.is(model.pollingReply(4, 20), 17 + 37 + 25 + 32 + 21 + 2 + 112);
});

test('node:http adds two fields to each reply', () => {
  // "Connection: keep-alive" and "Keep-Alive: timeout=65" have 22 characters each.
  assert.is(model.pollingReply(0, 20, 'node:http'), 89 + 24 + 24);
});

test('replies with an entity-tag', () => {
  // ETag: "1000000" has 15 characters.
  assert.is(model.latestReply(true, 20), 17 + 37 + 25 + 17 + 32 + 20 + 2 + 49);
  assert.is(model.latestReply(false, 20), 27 + 37 + 25 + 17 + 2);
});

test('an event in its chunk', () => {
  // "id: 1000000\n" is 12 bytes, "data: " 6, the two line ends 2: 40 = 0x28 with 20 bytes of data.
  assert.is(model.eventBytes(20), 2 + 2 + 40 + 2);
  assert.is(model.eventBytes(1024), 3 + 2 + 1044 + 2);
});

test('a frame has two bytes of header up to 125, four up to 65,535, then ten', () => {
  for (const [payload, bytes] of [[0, 2], [125, 127], [126, 130], [65_535, 65_539], [65_536, 65_546]] as const) {
    assert.is(model.frameBytes(payload), bytes, String(payload));
  }
});

test('polling ten times as often as there is news wastes nine requests of ten', () => {
  assert.equal(model.polling(job, 100), { bytesIn: 182 + 9 * 89, bytesOut: 1000, requests: 10, wasted: 9 });
});

test('polling every 2.5 updates: half of the replies have two, half have three', () => {
  // Two: 133 + 70 = 203; three: 133 + 91 = 224; 2.5 updates share their mean.
  const { bytesIn, bytesOut, requests, wasted } = model.polling(job, 2500);
  assert.equal([bytesIn, bytesOut, requests, wasted], [213.5 * 0.4, 40, 0.4, 0]);
});

test('polling the newest', () => {
  assert.equal(model.latest(job, 500), { bytesIn: 199 + 108, bytesOut: 200, requests: 2, wasted: 1 });
});

test('long polling asks once for each update, and once for each time it waited in vain', () => {
  assert.equal(model.longPolling(job), { bytesIn: 182, bytesOut: 100, requests: 1, wasted: 0 });
  const rare = { ...job, updateInterval: 60_000 };
  assert.equal(model.longPolling(rare), { bytesIn: 182 + 2 * 89, bytesOut: 300, requests: 3, wasted: 2 });
});

test('what is pushed needs no request', () => {
  assert.equal(model.streaming(job), { bytesIn: 46, bytesOut: 0, requests: 0, wasted: 0 });
  assert.equal(model.webSocket(job), { bytesIn: 22, bytesOut: 0, requests: 0, wasted: 0 });
});

test('a poll waits for half of its interval on the average', () => {
  assert.equal(model.pollingDelay(1000, 20), { p50: 520, p95: 970, p99: 1010, max: 1020 });
  assert.equal(model.pushDelay(20), { p50: 20, p95: 20, p99: 20, max: 20 });
});

test('the table of 2010', () => {
  const row = (clients: number): string[] => Object.values(model.BYTES_2010).map((bytes) => {
    return model.mebibits(clients, bytes).toFixed(3);
  });
  // 871,000 B = 6,968,000 bit are 6.645 of 2^20; the article cuts to 6.6, 66 and 665.
  assert.equal(row(1000), ['6.645', '0.015']);
  assert.equal(row(10_000), ['66.452', '0.153']);
  assert.equal(row(100_000), ['664.520', '1.526']);
});

test('the crossover: 60 for a poll and 1 for each update are as much as 13 for a push with five updates', () => {
  assert.is(model.crossover({ poll: 60, item: 1, push: 13 }), 5);
  assert.is(model.crossover({ poll: 60, item: 2, push: 2 }), Infinity);
});

test.run();
