// One route for a feed: what each kind of reader gets, to the byte, who may read, and where it begins.
import { throws } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { HttpError, LogError } from '../../src/errors.js';
import { createFeed, type Feed } from '../../src/feed/feed.js';
import { serveFeed, type ServeFeedOptions } from '../../src/feed/serve-feed.js';
import type { Request } from '../../src/server/request.js';
import { suite } from '../runner/suite.js';
import { httpRequest, RawClient, upgradeRequest } from '../support/peers/raw-client.js';
import {
  assertRefusal, assertResponse, FIRST_COMMENT, get, PLAIN_REFUSAL, request, serve, until, type Served,
} from '../server/harness.js';
import { feedOf, RemoteLog } from './harness.js';

async function start<T>(feed: Feed<T>, options: ServeFeedOptions<T> = {}): Promise<Served> {
  return serve({ '/feed': serveFeed(feed, options) });
}

async function ask({ port }: Served, target: string, ...fields: string[]): Promise<string> {
  return (await httpRequest(port, get(target, ...fields))).body.toString();
}

function fieldsOf(place: string): string[] {
  return ['Content-Type: application/json', 'Cache-Control: private, no-cache', `ETag: "${place}"`, 'Vary: Accept'];
}

const polls = suite('serve feed: polls');

polls('what came after a place, and 304 for who has it', async () => {
  await using served = await start(feedOf(2));
  const all = '{"place":"a-2","updates":[{"id":"a-1","value":"1"},{"id":"a-2","value":"2"}]}';
  for (const query of ['', '?after=', '?after=all', '?after=a-0&wait=9', '?wait=-1', '?wait=x']) {
    const response = await httpRequest(served.port, get(`/feed${query}`));
    assertResponse(response, ['HTTP/1.1 200 OK', ...fieldsOf('a-2'), `Content-Length: ${all.length}`], all);
  }
  const known = await httpRequest(served.port, get('/feed', 'If-None-Match: "a-2"'));
  assertResponse(known, ['HTTP/1.1 304 Not Modified', ...fieldsOf('a-2').slice(1)], '');
  assert.is(await ask(served, '/feed?after=a-1'), '{"place":"a-2","updates":[{"id":"a-2","value":"2"}]}');
  assert.is(await ask(served, '/feed?after=a-2'), '{"place":"a-2","updates":[]}');
  assert.is(await ask(served, '/feed?after=now'), '{"place":"a-2","updates":[]}');
  assert.is(await ask(served, '/feed?after=latest'), '{"place":"a-2","updates":[{"id":"a-2","value":"2"}]}');
  assert.is(await ask(served, '/feed', 'Last-Event-ID: a-1'), '{"place":"a-2","updates":[{"id":"a-2","value":"2"}]}');
});

polls('what was missed is told; garbage is an unknown place', async () => {
  await using served = await start(feedOf(3, 1));
  assert.is(await ask(served, '/feed?after=a-1'), '{"place":"a-3","updates":[{"id":"a-3","missed":1,"value":"3"}]}');
  for (const place of ['b-1', '%22', '%0d%0a', `${'x'.repeat(300)}`, '%00', '%C3%A9', '-']) {
    const expected = '{"place":"a-3","updates":[{"id":"a-3","missed":"unknown","value":"3"}]}';
    assert.is(await ask(served, `/feed?after=${place}`), expected, place);
  }
  await using empty = await start(feedOf(0));
  assert.is(await ask(empty, '/feed?after=%22'), '{"place":"unknown","updates":[]}');
  assert.is(await ask(empty, '/feed?after=b-1'), '{"place":"b-1","updates":[]}');
});

polls('what does not fit into one reply is for the next, and the client is told', async () => {
  const feed = feedOf(1);
  const long = 'x'.repeat(262_144);
  for (const value of [long, '3', long, '5']) void feed.publish(value);
  await using served = await start(feed, { filter: () => (value) => value !== '3' });
  const update = (number: number, value: string): string => `{"id":"a-${number}","value":"${value}"}`;
  const first = `{"place":"a-2","updates":[${update(1, '1')},${update(2, long)}],"more":true}`;
  assert.is(await ask(served, '/feed'), first);
  assert.is(await ask(served, '/feed?after=a-2'), `{"place":"a-4","updates":[${update(4, long)}],"more":true}`);
  assert.is(await ask(served, '/feed?after=a-4'), `{"place":"a-5","updates":[${update(5, '5')}]}`);
  await using many = await start(feedOf(1001, 2000), { filter: () => (value) => value === '1001' });
  assert.is(await ask(many, '/feed'), '{"place":"a-1000","updates":[],"more":true}');
  assert.is(await ask(many, '/feed?after=a-1000'), `{"place":"a-1001","updates":[${update(1001, '1001')}]}`);
});

polls('a long poll is held until there is an update, or the time is over', async () => {
  const feed = feedOf(1);
  await using served = await start(feed, { maxWait: 1000 });
  await using client = await RawClient.connect(served.port);
  client.write(get('/feed?after=a-1&wait=500'));
  await served.assertWorking();
  assert.is(client.received.length, 0);
  void feed.publish('2');
  assert.is((await client.readResponse()).body.toString(), '{"place":"a-2","updates":[{"id":"a-2","value":"2"}]}');
  client.write(get('/feed?after=a-2&wait=0.001'));
  assert.is((await client.readResponse()).body.toString(), '{"place":"a-2","updates":[]}');
});

polls('no wait is longer than maxWait', async () => {
  await using served = await start(feedOf(0), { maxWait: 0.001 });
  assert.is(await ask(served, '/feed?wait=1e9'), '{"place":"a-0","updates":[]}');
});

polls('the module for browsers', async () => {
  await using served = await start(feedOf(0));
  const { headers, body } = await httpRequest(served.port, get('/feed?module'));
  assert.is(headers.get('content-type'), 'text/javascript; charset=utf-8');
  assert.equal(body, readFileSync(new URL('../../src/feed/browser.js', import.meta.url)));
});

polls('503 while the log is away', async () => {
  const log = new RemoteLog();
  log.isAway = true;
  await using served = await start(createFeed({ log }));
  assertRefusal(await httpRequest(served.port, get('/feed')), '503 Service Unavailable', ...PLAIN_REFUSAL);
});

polls('500, and onError is told, if the log fails for good', async () => {
  const log = new RemoteLog();
  log.isAway = true;
  log.error = new LogError('no permission');
  await using served = await start(createFeed({ log }));
  assert.is((await httpRequest(served.port, get('/feed'))).status, 500);
  assert.equal(served.takeErrors(), ['LogError: no permission']);
});

polls('who leaves a long poll is no error', async () => {
  const feed = feedOf(0);
  await using served = await start(feed);
  await using client = await RawClient.connect(served.port);
  client.write(get('/feed?wait=60'));
  await until('it waits', () => feed.tail.place !== null);
  client.socket.resetAndDestroy();
  await served.assertWorking();
});

polls('nor is it one if the log fails then', async () => {
  const log = new RemoteLog();
  const feed = createFeed({ log });
  await using served = await start(feed);
  await using client = await RawClient.connect(served.port);
  let fail = (_error: Error): void => {};
  let isAsked = false;
  log.read = () => {
    isAsked = true;
    return new Promise((_, reject) => (fail = reject));
  };
  client.write(get('/feed'));
  await until('it is asked', () => isAsked);
  client.socket.resetAndDestroy();
  await served.assertWorking();
  fail(new Error('the connection is lost'));
  await served.assertWorking();
  assert.equal(served.takeErrors(), []);
});

polls('other methods are refused', async () => {
  await using served = await start(feedOf(0));
  const response = await httpRequest(served.port, request('POST', '/feed', 'Content-Length: 0'));
  assert.equal([response.status, response.headers.get('allow')], [405, 'GET, HEAD']);
});

polls.run();

const streams = suite('serve feed: streams');

streams('an event for each update, with its id, until the end of the feed', async () => {
  const feed = feedOf(2);
  await using served = await start(feed);
  await using client = await RawClient.connect(served.port);
  client.write(get('/feed?after=all', 'Accept: text/event-stream', 'Last-Event-ID: a-1'));
  const head = (await client.readUntil('\r\n\r\n')).toString();
  for (const field of ['Content-Type: text/event-stream', 'Vary: Accept', 'Cache-Control: no-store']) {
    assert.ok(head.includes(`\r\n${field}\r\n`), head);
  }
  assert.is((await client.readUntil('\n\n\r\n')).toString(), FIRST_COMMENT);
  const second = '28\r\nid: a-2\ndata: {"id":"a-2","value":"2"}\n\n\r\n';
  assert.is((await client.readUntil('"2"}\n\n\r\n')).toString(), second);
  void feed.publish('3');
  assert.is((await client.readUntil('\n\n\r\n')).toString(), second.replaceAll('2', '3').replace('38', '28'));
  feed.end();
  assert.is((await client.readUntil('\r\n\r\n')).toString(), '0\r\n\r\n');
});

streams('who has everything is told the place first', async () => {
  await using served = await start(feedOf(2), { start: 'now' });
  await using client = await RawClient.connect(served.port);
  client.write(get('/feed', 'Accept: text/html, text/event-stream;q=0.9'));
  await client.readUntil(`\r\n\r\n${FIRST_COMMENT}`);
  assert.is((await client.readUntil('\n\n\r\n')).toString(), '9\r\nid: a-2\n\n\r\n');
});

streams('what has come together is sent together, up to a size', async () => {
  const feed = feedOf(2);
  void feed.publish('x'.repeat(262_144));
  void feed.publish('4');
  await using served = await start(feed);
  await using client = await RawClient.connect(served.port);
  client.write(get('/feed', 'Accept: text/event-stream'));
  await client.readUntil(`\r\n\r\n${FIRST_COMMENT}`);
  const event = (number: number, value: string): string =>
    `id: a-${number}\ndata: {"id":"a-${number}","value":"${value}"}\n\n`;
  const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
  const first = chunk(event(1, '1') + event(2, '2') + event(3, 'x'.repeat(262_144)));
  assert.is((await client.readUntil('"4"}\n\n\r\n')).toString(), first + chunk(event(4, '4')));
});

streams('while the log is away they wait', async () => {
  const log = new RemoteLog();
  log.isAway = true;
  const feed = createFeed({ log });
  await using served = await start(feed);
  await using client = await RawClient.connect(served.port);
  client.write(get('/feed', 'Accept: text/event-stream'));
  await until('it is asked for', () => log.asked.length === 1);
  log.isAway = false;
  await client.readUntil('id: a-0\n\n\r\n');
  assert.equal(served.takeErrors(), []);
});

streams('who leaves waits no longer', async () => {
  const feed = feedOf(0);
  await using served = await start(feed);
  let readers = 0;
  const { enter } = feed.tail;
  feed.tail.enter = () => {
    readers++;
    const leave = enter.call(feed.tail);
    return () => {
      readers--;
      leave();
    };
  };
  await using client = await RawClient.connect(served.port);
  client.write(get('/feed', 'Accept: text/event-stream'));
  await client.readUntil('id: a-0\n\n\r\n');
  await until('it waits', () => readers === 1);
  client.socket.resetAndDestroy();
  await until('it has left', () => readers === 0);
});

streams.run();

const sockets = suite('serve feed: WebSockets');

async function connect({ port }: Served, target: string): Promise<RawClient> {
  const client = await RawClient.connect(port);
  await client.upgrade(target);
  return client;
}

async function read(client: RawClient): Promise<string> {
  return (await client.readFrame()).payload.toString();
}

sockets('a message for each update', async () => {
  const feed = createFeed<unknown>({ life: 'a' });
  void feed.publish({ b: 1 });
  await using served = await start(feed);
  await using client = await connect(served, '/feed');
  await using other = await connect(served, '/feed?after=a-1');
  assert.is(await read(client), '{"id":"a-1","value":{"b":1}}');
  assert.is(await read(other), '{"id":"a-1"}');
  void feed.publish(Buffer.from('hi'));
  for (const reader of [client, other]) {
    const { opcode, payload } = await reader.readFrame();
    assert.equal([opcode, payload.toString()], [2, 'a-2\nhi']);
  }
  feed.end();
  assert.is((await client.readFrame()).payload.readUInt16BE(), 1000);
});

sockets('a feed for each request', async () => {
  const feeds: Record<string, Feed<string>> = { one: feedOf(1), two: feedOf(2) };
  const route = serveFeed(({ params }) => feeds[params['name']!]!, { start: 'latest' });
  await using served = await serve({ '/feeds/:name': route });
  await using client = await connect(served, '/feeds/two');
  assert.is(await read(client), '{"id":"a-2","value":"2"}');
  assert.is(await ask(served, '/feeds/one'), '{"place":"a-1","updates":[{"id":"a-1","value":"1"}]}');
});

sockets.run();

const access = suite('serve feed: who may read what');

access('authorize is asked for each kind of reader, and the filter gets what it returns', async () => {
  const feed = feedOf(4);
  await using served = await serve({
    '/feed': serveFeed(feed, {
      authorize: (asked: Request) => asked.query.get('user'),
      filter: ({ query }, user) => (user === 'root' ? null : (value: string) => value === query.get('only')),
    }),
  });
  const own = '{"place":"a-4","updates":[{"id":"a-3","value":"3"}]}';
  assert.is(await ask(served, '/feed?user=me&only=3'), own);
  assert.match(await ask(served, '/feed?user=root'), /"4"/);
  await using client = await connect(served, '/feed?user=me&only=3');
  assert.is(await read(client), '{"id":"a-3","value":"3"}');
  for (const fields of [[], ['Accept: text/event-stream']]) {
    assertRefusal(await httpRequest(served.port, get('/feed', ...fields)), '403 Forbidden', ...PLAIN_REFUSAL);
  }
  assert.is((await httpRequest(served.port, upgradeRequest('/feed'))).status, 403);
});

access('what authorize throws is the reply', async () => {
  const authorize = (_: Request): boolean => {
    throw new HttpError('LOGIN', 401, 'log in first', { headers: { 'WWW-Authenticate': 'Basic' } });
  };
  await using served = await start(feedOf(1), { authorize });
  const response = await httpRequest(served.port, get('/feed'));
  assert.equal([response.status, response.headers.get('www-authenticate')], [401, 'Basic']);
});

access('a filter hides values, not that some were missed', async () => {
  const feed = feedOf(4, 2);
  await using served = await start(feed, { filter: () => (value) => value === '4' });
  const body = '{"place":"a-4","updates":[{"id":"a-3","missed":1},{"id":"a-4","value":"4"}]}';
  assert.is(await ask(served, '/feed?after=a-1'), body);
});

access('options are checked', () => {
  const feed = feedOf(0);
  throws(() => serveFeed(feed, { strat: 'all' } as object), { message: /the nearest one is start$/ });
  const slow = 'drop' as unknown as 'wait';
  throws(() => serveFeed(feed, { slow }), { name: 'TypeError', message: /^slow is one of wait, latest, close, not/ });
});

access.run();
