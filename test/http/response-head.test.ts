// Response heads cut in every way: status lines, fields, the length of the body, and each limit (RFC 9112 §4, §6.3).
import * as assert from 'uvu/assert';
import { HttpError } from '../../src/errors.js';
import { ResponseHeadParser, type ResponseHead } from '../../src/http/response-head.js';
import { assertEveryCut } from '../support/codec/cuts.js';
import { suite } from '../runner/suite.js';
import { assertRefused } from '../handshake/refusal.js';

const test = suite('http/response-head');

type Outcome = string | { status: number; headers: string[][]; bodyLength: unknown; rest: string } | null;

function parseChunks(chunks: Iterable<Buffer>): Outcome {
  const parser = new ResponseHeadParser();
  let head: ResponseHead | null = null;
  let rest = '';
  try {
    for (const chunk of chunks) {
      if (head !== null) rest += chunk.toString('latin1');
      else if ((head = parser.push(chunk)) !== null) rest = parser.rest.toString('latin1');
    }
  } catch (error) {
    if (error instanceof HttpError) return `${error.code} ${error.status}`;
    throw error;
  }
  return head && { status: head.status, headers: [...head.headers], bodyLength: head.bodyLength, rest };
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** What follows a head, such as frames. */
const REST = '\x81\x05Hello\x00\xff\n\r';

type Accepted = [name: string, head: string, status: number, headers: string[][], bodyLength: number | string | null];

const accepted: Accepted[] = [
  [
    'RFC 6455 §1.3: the answer of the example',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
    101,
    [['upgrade', 'websocket'], ['connection', 'Upgrade'], ['sec-websocket-accept', 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=']],
    0,
  ],
  ['§4: no field', 'HTTP/1.1 200 OK\r\n\r\n', 200, [], null],
  ['§4: an empty reason phrase', 'HTTP/1.1 404 \r\n\r\n', 404, [], null],
  ['§4: no reason phrase and no space', 'HTTP/1.1 404\r\n\r\n', 404, [], null],
  ['§4: a reason phrase of any words', 'HTTP/1.1 500 a\tb \xe4\xbd\xa0 HTTP/1.1 200\r\n\r\n', 500, [], null],
  ['RFC 9110 §2.5: HTTP/1.2', 'HTTP/1.2 200 OK\r\n\r\n', 200, [], null],
  ['HTTP/1.0', 'HTTP/1.0 503 no\r\n\r\n', 503, [], null],
  ['the lowest status', 'HTTP/1.1 100 x\r\n\r\n', 100, [], 0],
  ['the highest status', 'HTTP/1.1 599 x\r\n\r\n', 599, [], null],
  ['§5.1: white space around a value', 'HTTP/1.1 200 OK\r\nA: \t b \t\r\nC:d\r\n\r\n', 200, [
    ['a', 'b'], ['c', 'd'],
  ], null],
  ['§5.3: repeated names', 'HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\n\r\n', 200, [['a', '1'], ['a', '2']], null],
  ['prototype names', 'HTTP/1.1 200 OK\r\n__proto__: 1\r\n\r\n', 200, [['__proto__', '1']], null],
  ['§6.3: a length', 'HTTP/1.1 403 x\r\nContent-Length: 12\r\n\r\n', 403, [['content-length', '12']], 12],
  ['§6.3: no length of an interim response', 'HTTP/1.1 103 x\r\nContent-Length: 12\r\n\r\n', 103, [
    ['content-length', '12'],
  ], 0],
  ['§6.3: no body of 204', 'HTTP/1.1 204 x\r\nContent-Length: 12\r\n\r\n', 204, [['content-length', '12']], 0],
  ['§6.3: no body of 304', 'HTTP/1.1 304 x\r\nTransfer-Encoding: chunked\r\n\r\n', 304, [
    ['transfer-encoding', 'chunked'],
  ], 0],
  ['§7.1: chunks', 'HTTP/1.1 400 x\r\nTransfer-Encoding: Chunked\r\n\r\n', 400, [
    ['transfer-encoding', 'Chunked'],
  ], 'chunked'],
  ['§6.3: chunks and a length', 'HTTP/1.1 400 x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n', 400, [
    ['transfer-encoding', 'chunked'], ['content-length', '1'],
  ], 'chunked'],
  ['§6.3 item 4: chunks of another coding', 'HTTP/1.1 400 x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n', 400, [
    ['transfer-encoding', 'gzip, chunked'],
  ], 'chunked'],
  ['§6.3 item 4: another coding ends with the connection', 'HTTP/1.1 400 x\r\nTransfer-Encoding: gzip\r\n\r\n', 400, [
    ['transfer-encoding', 'gzip'],
  ], null],
];

for (const [name, head, status, headers, bodyLength] of accepted) {
  test(`accepts ${name}`, () => {
    assertEveryCut<Outcome>(latin1(head), parseChunks, { status, headers, bodyLength, rest: '' });
    assertEveryCut<Outcome>(latin1(head + REST), parseChunks, { status, headers, bodyLength, rest: REST });
  });
}

const refused: [name: string, bytes: string, outcome: string][] = [
  ['an empty line before', '\r\nHTTP/1.1 200 OK\r\n\r\n', 'STATUS_LINE_INVALID 400'],
  ['HTTP/2.0', 'HTTP/2.0 200 OK\r\n\r\n', 'STATUS_LINE_INVALID 400'],
  ['HTTP/0.9', 'HTTP/0.9 200 OK\r\n\r\n', 'STATUS_LINE_INVALID 400'],
  ['http/1.1', 'http/1.1 200 OK\r\n\r\n', 'STATUS_LINE_INVALID 400'],
  ['ICY', 'ICY 200 OK\r\n\r\n', 'STATUS_LINE_INVALID 400'],
  ['no status', 'HTTP/1.1\r\n\r\n', 'STATUS_LINE_INVALID 400'],
  ['no status but a space', 'HTTP/1.1 \r\n\r\n', 'STATUS_LINE_INVALID 400'],
  ['two digits', 'HTTP/1.1 20 OK\r\n\r\n', 'STATUS_LINE_INVALID 400'],
  ['four digits', 'HTTP/1.1 2000 OK\r\n\r\n', 'STATUS_LINE_INVALID 400'],
  ['101 and a letter', 'HTTP/1.1 101x\r\n\r\n', 'STATUS_LINE_INVALID 400'],
  ['a tab behind the status', 'HTTP/1.1 101\tx\r\n\r\n', 'STATUS_LINE_INVALID 400'],
  ['status 000', 'HTTP/1.1 000 x\r\n\r\n', 'STATUS_LINE_INVALID 400'],
  ['status 600', 'HTTP/1.1 600 x\r\n\r\n', 'STATUS_LINE_INVALID 400'],
  ['a negative status', 'HTTP/1.1 -10 x\r\n\r\n', 'STATUS_LINE_INVALID 400'],
  ['two spaces', 'HTTP/1.1  101 x\r\n\r\n', 'STATUS_LINE_INVALID 400'],
  ['a space before', ' HTTP/1.1 101 x\r\n\r\n', 'STATUS_LINE_INVALID 400'],
  ['a request', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'STATUS_LINE_INVALID 400'],
  ['a greeting of SSH', 'SSH-2.0-x\r\n\r\n', 'STATUS_LINE_INVALID 400'],
  ['an alert of TLS', '\x15\x03\x03\x00\x02\x02\x50', 'BYTE_INVALID 400'],
  ['frames without a head', '\x81\x05Hello\r\n\r\n', 'BYTE_INVALID 400'],
  ['zeros', '\0\0\0\0', 'BYTE_INVALID 400'],
  ['a bare LF', 'HTTP/1.1 200 OK\nA: b\n\n', 'LINE_ENDING_INVALID 400'],
  ['a bare CR', 'HTTP/1.1 200 OK\rA: b\r\n\r\n', 'LINE_ENDING_INVALID 400'],
  ['§5.2: a folded field', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n', 'FOLDING_OBSOLETE 400'],
  ['§5.1: white space before the colon', 'HTTP/1.1 200 OK\r\nA : b\r\n\r\n', 'HEADER_INVALID 400'],
  ['a field without colon', 'HTTP/1.1 200 OK\r\nA\r\nB: c\r\n\r\n', 'HEADER_INVALID 400'],
  ['a field without name', 'HTTP/1.1 200 OK\r\n: c\r\n\r\n', 'HEADER_INVALID 400'],
  ['a null byte in a value', 'HTTP/1.1 200 OK\r\nA: \0\r\n\r\n', 'BYTE_INVALID 400'],
  ['§6.3: a bad length', 'HTTP/1.1 400 x\r\nContent-Length: 1x\r\n\r\n', 'CONTENT_LENGTH_INVALID 400'],
  ['§6.3: a negative length', 'HTTP/1.1 400 x\r\nContent-Length: -1\r\n\r\n', 'CONTENT_LENGTH_INVALID 400'],
  ['§6.3: a huge length', 'HTTP/1.1 400 x\r\nContent-Length: 9007199254740992\r\n\r\n', 'CONTENT_LENGTH_INVALID 400'],
  [
    '§6.3: two lengths', 'HTTP/1.1 400 x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n',
    'CONTENT_LENGTH_DUPLICATE 400',
  ],
];

for (const [name, bytes, outcome] of refused) {
  test(`refuses ${name}`, () => {
    assertEveryCut<Outcome>(latin1(bytes), parseChunks, outcome, { trailing: latin1(REST) });
    const [code, status] = outcome.split(' ') as [string, string];
    assertRefused(() => new ResponseHeadParser().push(latin1(bytes)), code, Number(status));
  });
}

test('a head that is cut off is none yet, wherever it is cut', () => {
  const head = latin1('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n');
  for (let end = 0; end < head.length; end++) {
    assert.is(new ResponseHeadParser().push(head.subarray(0, end)), null, `${end} bytes`);
  }
});

test('RFC 9110 §15.2: interim responses come before the final one', () => {
  const bytes = latin1('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103\r\nLink: a\r\n\r\nHTTP/1.1 101 x\r\n\r\n\x81\x00');
  assertEveryCut(bytes, (chunks) => {
    const parser = new ResponseHeadParser();
    const statuses: number[] = [];
    let rest = '';
    for (const chunk of chunks) {
      let head = statuses.at(-1) === 101 ? null : parser.push(chunk);
      if (statuses.at(-1) === 101) rest += chunk.toString('latin1');
      while (head !== null) {
        statuses.push(head.status);
        if (head.status === 101) rest = parser.rest.toString('latin1');
        head = head.status === 101 ? null : parser.push(parser.rest);
      }
    }
    return { statuses, rest };
  }, { statuses: [100, 103, 101], rest: '\x81\x00' });
});

test('limits: 16,384 bytes and 128 fields', () => {
  const sized = (size: number): Buffer => latin1(`HTTP/1.1 200 OK\r\nA: ${'a'.repeat(size - 24)}\r\n\r\n`);
  assert.is(sized(100).length, 100);
  assert.is(new ResponseHeadParser().push(sized(16_384))?.status, 200);
  assertRefused(() => new ResponseHeadParser().push(sized(16_385)), 'HEAD_TOO_LARGE', 431);
  const fields = (count: number): Buffer => latin1(`HTTP/1.1 200 OK\r\n${'a:b\r\n'.repeat(count)}\r\n`);
  assert.is(new ResponseHeadParser().push(fields(128))?.headers.getAll('a').length, 128);
  assertRefused(() => new ResponseHeadParser().push(fields(129)), 'TOO_MANY_HEADER_FIELDS', 431);
});

test('limits: an endless status line is refused in the chunk that reaches the limit', () => {
  const parser = new ResponseHeadParser();
  parser.push(latin1('HTTP/1.1 200 '));
  for (let sent = 13; sent + 1000 < 16_384; sent += 1000) assert.is(parser.push(Buffer.alloc(1000, 'a')), null);
  assertRefused(() => parser.push(Buffer.alloc(1000, 'a')), 'START_LINE_TOO_LONG', 414);
});

test.run();
