// Conditional requests: which tags match, what is left of a 200 that becomes 304, and who is spared nothing.
import { Readable } from 'node:stream';
import * as assert from 'uvu/assert';
import { RequestHeadParser, type RequestHead } from '../../src/http/request-head.js';
import { withoutKnownContent } from '../../src/server/not-modified.js';
import { toResponse, type Reply } from '../../src/server/reply.js';
import { suite } from '../runner/suite.js';
import { httpRequest } from '../support/peers/raw-client.js';
import { assertResponse, get, nextTurn, request, serve } from './harness.js';

function headOf(method: string, ...fields: string[]): RequestHead {
  return new RequestHeadParser().push(Buffer.from(request(method, '/', ...fields), 'latin1'))!;
}

const tags = suite('not-modified: tags');

const cases: readonly [name: string, tag: string, fields: readonly string[], isKnown: boolean][] = [
  ['the same', '"1"', ['If-None-Match: "1"'], true],
  ['another', '"1"', ['If-None-Match: "2"'], false],
  ['none', '"1"', [], false],
  ['letter case counts', '"a"', ['If-None-Match: "A"'], false],
  ['RFC 9110 §13.1.2: a weak one for a strong one', '"1"', ['If-None-Match: W/"1"'], true],
  ['a strong one for a weak one', 'W/"1"', ['If-None-Match: "1"'], true],
  ['both weak', 'W/"1"', ['If-None-Match: W/"1"'], true],
  ['one of a list', '"3"', ['If-None-Match: "1", W/"2" ,"3"'], true],
  ['none of a list', '"4"', ['If-None-Match: "1", W/"2" ,"3"'], false],
  ['one of several lines', '"2"', ['If-None-Match: "1"', 'If-None-Match: "2"'], true],
  ['whatever there is', '"1"', ['If-None-Match: *'], true],
  ['a star in quotes is a tag', '"1"', ['If-None-Match: "*"'], false],
  ['a comma within', '"a,b"', ['If-None-Match: "x","a,b"'], true],
  ['half of one with a comma within', '"a"', ['If-None-Match: "a,b"'], false],
  ['an empty tag', '""', ['If-None-Match: ""'], true],
  ['latin1', '"\xe9"', ['If-None-Match: "\xe9"'], true],
  ['no quotes', '1', ['If-None-Match: 1'], false],
  ['no quotes in the request', '"1"', ['If-None-Match: 1'], false],
  ['an open quote', '"1"', ['If-None-Match: "1'], false],
  ['an empty field', '"1"', ['If-None-Match:'], false],
];

for (const [name, tag, fields, isKnown] of cases) {
  tags(name, () => {
    const response = toResponse({ headers: { ETag: tag }, body: 'hello' });
    const answer = withoutKnownContent(response, headOf('GET', ...fields));
    if (isKnown) assert.equal(answer, { status: 304, headers: [['ETag', tag]], body: null });
    else assert.is(answer, response);
  });
}

tags.run();

const replies = suite('not-modified: replies');

replies('§15.4.5: what describes the content is left out, the rest stays in its order', () => {
  const headers = {
    'Content-Type': 'text/html', 'content-language': 'en', 'Content-Encoding': 'gzip', 'Last-Modified': 'x',
    'Cache-Control': 'no-cache', etag: '"1"', 'Content-Location': '/1', Expires: '0', Vary: 'Cookie',
    'Set-Cookie': 'a=1',
  };
  const response = toResponse({ headers, body: '' });
  const answer = withoutKnownContent(response, headOf('GET', 'If-None-Match: "1"'));
  assert.equal(answer.headers.map(([name]) => name), [
    'Cache-Control', 'etag', 'Content-Location', 'Expires', 'Vary', 'Set-Cookie',
  ]);
});

const untouched: readonly [name: string, reply: Reply, method: string][] = [
  ['a reply without a tag', 'hello', 'GET'],
  ['another status', { status: 404, headers: { ETag: '"1"' } }, 'GET'],
  ['another method', { headers: { ETag: '"1"' } }, 'POST'],
];

for (const [name, reply, method] of untouched) {
  replies(`${name} stays as it is`, () => {
    const response = toResponse(reply);
    assert.is(withoutKnownContent(response, headOf(method, 'If-None-Match: *')), response);
  });
}

replies('a streamed body is ended, be it a Readable', async () => {
  const readable = new Readable({ read() {} });
  let isEnded = false;
  const iterator = {
    next: () => Promise.reject(new Error('not to be asked')),
    return: () => Promise.resolve({ done: true, value: void (isEnded = true) } as const),
  };
  for (const body of [readable, { [Symbol.asyncIterator]: () => iterator }]) {
    const reply = toResponse({ headers: { ETag: '"1"' }, body });
    assert.is(withoutKnownContent(reply, headOf('GET', 'If-None-Match: "1"')).body, null);
  }
  await nextTurn();
  assert.equal([readable.destroyed, isEnded], [true, true]);
});

replies('over a socket: 304 without a body, and the connection goes on', async () => {
  await using served = await serve({ '/a': () => ({ headers: { ETag: '"1"' }, body: 'hello' }) });
  const known = ['HTTP/1.1 304 Not Modified', 'ETag: "1"'];
  const whole = ['HTTP/1.1 200 OK', 'ETag: "1"', 'Content-Type: text/plain; charset=utf-8', 'Content-Length: 5'];
  assertResponse(await httpRequest(served.port, get('/a', 'If-None-Match: "1"')), known, '');
  assertResponse(await httpRequest(served.port, request('HEAD', '/a', 'If-None-Match: "1"')), known, '');
  assertResponse(await httpRequest(served.port, get('/a', 'If-None-Match: "2"')), whole, 'hello');
});

replies.run();
