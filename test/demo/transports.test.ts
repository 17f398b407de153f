// The four transports: the same updates, each once and in order, to the byte; and what is told when some are missed.
import * as assert from 'uvu/assert';
import { Feed } from '../../src/feed/feed.js';
import { addTransportRoutes, createNumberedFeed } from '../../src/demo/transports.js';
import { httpRequest, RawClient } from '../support/peers/raw-client.js';
import { suite } from '../runner/suite.js';
import { assertResponse, FIRST_COMMENT, get, serve, until, type Served } from '../server/harness.js';

async function serveFeed(feed: Feed<string>): Promise<Served> {
  const served = await serve();
  addTransportRoutes(served.server, '/feed/', feed);
  return served;
}

function feedOf(count: number, keep = 1000): Feed<string> {
  const feed = createNumberedFeed({ keep });
  for (let number = 1; number <= count; number++) void feed.publish(`{"a":${number}}`);
  return feed;
}

/** The lines of an answer with these bytes of JSON. */
function json(length: number, ...fields: string[]): string[] {
  return ['HTTP/1.1 200 OK', 'Content-Type: application/json', ...fields, `Content-Length: ${length}`];
}

const NOTHING = ['HTTP/1.1 204 No Content', 'Cache-Control: no-store'];

const polling = suite('transports: polling');

polling('all updates since, or 204', async () => {
  await using served = await serveFeed(feedOf(3));
  const three = '{"last":3,"updates":[{"a":1},{"a":2},{"a":3}]}';
  for (const query of ['?after=0', '']) {
    const response = await httpRequest(served.port, get(`/feed/polling${query}`));
    assertResponse(response, json(three.length, 'Cache-Control: no-store'), three);
  }
  for (const query of ['?after=-1', '?after=9', '?after=x', '?after=1.5']) {
    const { body } = await httpRequest(served.port, get(`/feed/polling${query}`));
    assert.is(body.toString(), '{"last":3,"missed":"unknown","updates":[{"a":1},{"a":2},{"a":3}]}');
  }
  const one = '{"last":3,"updates":[{"a":3}]}';
  const response = await httpRequest(served.port, get('/feed/polling?after=2'));
  assertResponse(response, json(one.length, 'Cache-Control: no-store'), one);
  assertResponse(await httpRequest(served.port, get('/feed/polling?after=3')), NOTHING, '');
});

polling('updates that are not kept any more are told', async () => {
  await using served = await serveFeed(feedOf(9, 2));
  const response = await httpRequest(served.port, get('/feed/polling?after=3'));
  assert.is(response.body.toString(), '{"last":9,"missed":4,"updates":[{"a":8},{"a":9}]}');
});

polling('the newest only, and 304 to whom has it', async () => {
  const feed = feedOf(0);
  await using served = await serveFeed(feed);
  assertResponse(await httpRequest(served.port, get('/feed/latest')), NOTHING, '');
  void feed.publish('7');
  void feed.publish('8');
  const newest = '{"last":2,"updates":[8]}';
  const fields = ['Cache-Control: no-cache', 'ETag: "2"'];
  const known = ['HTTP/1.1 304 Not Modified', ...fields];
  assertResponse(await httpRequest(served.port, get('/feed/latest')), json(newest.length, ...fields), newest);
  assertResponse(await httpRequest(served.port, get('/feed/latest', 'If-None-Match: "2"')), known, '');
  void feed.publish('9');
  const { body } = await httpRequest(served.port, get('/feed/latest', 'If-None-Match: "2"'));
  assert.is(body.toString(), '{"last":3,"updates":[9]}');
});

polling.run();

const pushed = suite('transports: long polling, streaming, WebSocket');

pushed('long polling answers at once if it can, else when there is an update', async () => {
  const feed = feedOf(2);
  await using served = await serveFeed(feed);
  await using client = await RawClient.connect(served.port);
  client.write(get('/feed/long-polling?after=1'));
  assert.is((await client.readResponse()).body.toString(), '{"last":2,"updates":[{"a":2}]}');
  client.write(get('/feed/long-polling?after=2'));
  // A request of another client is answered meanwhile.
  await served.assertWorking();
  assert.is(client.received.length, 0);
  void feed.publish('3');
  void feed.publish('4');
  const both = '{"last":4,"updates":[3,4]}';
  assertResponse(await client.readResponse(), json(both.length, 'Cache-Control: no-store'), both);
});

pushed('long polling ends with 204 at the end of the feed', async () => {
  const feed = feedOf(2);
  await using served = await serveFeed(feed);
  await using client = await RawClient.connect(served.port);
  client.write(get('/feed/long-polling?after=2'));
  await served.assertWorking();
  feed.end();
  assertResponse(await client.readResponse(), NOTHING, '');
});

pushed('streaming: an event for each update behind the query or Last-Event-ID, until the end of the feed', async () => {
  const feed = feedOf(3);
  await using served = await serveFeed(feed);
  for (const [target, ...fields] of [['?after=1'], ['?after=0', 'Last-Event-ID: 1']]) {
    await using client = await RawClient.connect(served.port);
    client.write(get(`/feed/streaming${target}`, ...fields));
    await client.readUntil(`\r\n\r\n${FIRST_COMMENT}`);
    assert.is((await client.readUntil('3}\n\n\r\n')).toString(),
      '15\r\nid: 2\ndata: {"a":2}\n\n\r\n15\r\nid: 3\ndata: {"a":3}\n\n\r\n');
  }
  await using client = await RawClient.connect(served.port);
  client.write(get('/feed/streaming?after=3'));
  await client.readUntil(`\r\n\r\n${FIRST_COMMENT}`);
  void feed.publish('4');
  assert.is((await client.readUntil('\n\n\r\n')).toString(), 'f\r\nid: 4\ndata: 4\n\n\r\n');
  feed.end();
  assert.is((await client.readUntil('\r\n\r\n')).toString(), '0\r\n\r\n');
});

pushed('streaming tells what was missed by an event of its own', async () => {
  await using served = await serveFeed(feedOf(5, 1));
  await using client = await RawClient.connect(served.port);
  client.write(get('/feed/streaming?after=1'));
  await client.readUntil('\r\n\r\n');
  const events = (await client.readUntil('5}\n\n')).toString();
  assert.match(events, /event: missed\ndata: 3\n\n[^]*id: 5\ndata: {"a":5}\n\n$/);
});

pushed('WebSocket: a message for each update, until the end of the feed', async () => {
  const feed = feedOf(3);
  await using served = await serveFeed(feed);
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/feed/websocket?after=1');
  for (const expected of ['{"a":2}', '{"a":3}']) {
    const { opcode, payload } = await client.readFrame();
    assert.equal([opcode, payload.toString()], [1, expected]);
  }
  void feed.publish('4');
  // FIN and text, one byte, no mask: this is all that an update costs.
  assert.equal(await client.readBytes(3), Buffer.from([0x81, 1, 0x34]));
  feed.end();
  assert.equal(await client.readBytes(4), Buffer.from([0x88, 2, 0x03, 0xe8]));
});

pushed('WebSocket: what was missed closes it with 4000 and the count', async () => {
  await using served = await serveFeed(feedOf(5, 1));
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/feed/websocket?after=1');
  const { opcode, payload } = await client.readFrame();
  assert.equal([opcode, payload.readUInt16BE(), payload.subarray(2).toString()], [8, 4000, '3']);
});

pushed('WebSocket: a client that sends something is closed with 1008', async () => {
  await using served = await serveFeed(feedOf(0));
  await using client = await RawClient.connect(served.port);
  await client.upgrade('/feed/websocket');
  client.sendFrame(1, 'hello');
  assert.is((await client.readFrame()).payload.readUInt16BE(), 1008);
});

/** A feed that tells who waits for it. */
class Observed extends Feed<string> {
  readonly signals: (AbortSignal | undefined)[] = [];

  override after(...parameters: Parameters<Feed<string>['after']>): ReturnType<Feed<string>['after']> {
    this.signals.push(parameters[1]?.signal);
    return super.after(...parameters);
  }

  override from(...parameters: Parameters<Feed<string>['from']>): ReturnType<Feed<string>['from']> {
    this.signals.push(parameters[1]?.signal);
    return super.from(...parameters);
  }
}

pushed('a client that leaves waits no longer', async () => {
  const feed = new Observed({});
  await using served = await serveFeed(feed);
  await using held = await RawClient.connect(served.port);
  await using streaming = await RawClient.connect(served.port);
  await using socket = await RawClient.connect(served.port);
  held.write(get('/feed/long-polling'));
  streaming.write(get('/feed/streaming'));
  await streaming.readUntil('\r\n\r\n');
  await socket.upgrade('/feed/websocket');
  await until('all three wait', () => feed.signals.length === 3);
  for (const client of [held, streaming, socket]) client.socket.resetAndDestroy();
  await until('none of them waits', () => feed.signals.every((signal) => signal?.aborted));
  await served.assertWorking();
});

pushed.run();
