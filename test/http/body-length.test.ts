// Where a body ends, told by Content-Length and Transfer-Encoding, which the tests of the heads try out too.
import * as assert from 'uvu/assert';
import { requestBodyLength, responseBodyLength } from '../../src/http/body-length.js';
import { HeaderFields } from '../../src/http/fields.js';
import { suite } from '../runner/suite.js';
import { assertRefused } from '../handshake/refusal.js';

const test = suite('http/body-length');

function fieldsOf(...lines: string[]): HeaderFields {
  return new HeaderFields(`${lines.map((line) => `${line}\r\n`).join('')}\r\n`, 0);
}

test('RFC 9112 §6.3: of a request', () => {
  assert.is(requestBodyLength(fieldsOf(), '1.1'), 0);
  assert.is(requestBodyLength(fieldsOf('Content-Length: 5'), '1.0'), 5);
  assert.is(requestBodyLength(fieldsOf('Transfer-Encoding:\t CHUNKED'), '1.1'), 'chunked');
});

test('RFC 9112 §6.3 item 4: without chunked as the final coding, once, a request has no length: 400', () => {
  for (const codings of [['gzip'], [''], ['chunked', 'gzip'], ['chunked', 'chunked'], ['gzip', ''], ['', 'chunked']]) {
    const headers = fieldsOf(...codings.map((coding) => `Transfer-Encoding: ${coding}`));
    assertRefused(() => requestBodyLength(headers, '1.1'), 'TRANSFER_ENCODING_INVALID', 400);
  }
  const headers = fieldsOf('Transfer-Encoding: gzip, chunked');
  assertRefused(() => requestBodyLength(headers, '1.1'), 'TRANSFER_ENCODING_UNSUPPORTED', 501);
});

test('RFC 9112 §6.3: of a response', () => {
  assert.is(responseBodyLength(404, fieldsOf()), null);
  assert.is(responseBodyLength(404, fieldsOf('Content-Length: 5')), 5);
  assert.is(responseBodyLength(204, fieldsOf('Content-Length: 5')), 0);
  assert.is(responseBodyLength(404, fieldsOf('Transfer-Encoding: gzip')), null);
  assert.is(responseBodyLength(404, fieldsOf('Transfer-Encoding: gzip, Chunked', 'Content-Length: 5')), 'chunked');
  assertRefused(() => responseBodyLength(404, fieldsOf('Content-Length: x')), 'CONTENT_LENGTH_INVALID', 400);
});

test.run();
