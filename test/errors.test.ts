import * as assert from 'uvu/assert';
import {
  ConnectionClosed, HandshakeError, ProtocolError, TimeoutError, WebSocketError, type Close,
} from '../src/errors.js';
import { suite } from './support/suite.js';

const errors = suite('errors');

const close: Close = { code: 4001, reason: 'kicked', wasClean: true };

for (const [name, error, code, message] of [
  ['WebSocketError', new WebSocketError('SOME_CODE', 'some message'), 'SOME_CODE', 'some message'],
  ['HandshakeError', new HandshakeError('NO_KEY', 401, 'bring a key'), 'NO_KEY', 'bring a key'],
  ['ProtocolError', new ProtocolError('RESERVED_BIT', 1002, 'RSV1 set'), 'RESERVED_BIT', 'RSV1 set'],
  ['TimeoutError', new TimeoutError('too late'), 'TIMEOUT', 'too late'],
  ['ConnectionClosed', new ConnectionClosed(null), 'CONNECTION_CLOSED', 'the connection is closing'],
  [
    'ConnectionClosed', new ConnectionClosed(close), 'CONNECTION_CLOSED',
    'the connection has ended with close code 4001: kicked',
  ],
  [
    'ConnectionClosed', new ConnectionClosed({ code: 1006, reason: '', wasClean: false, error: new Error('reset') }),
    'CONNECTION_CLOSED', 'the connection has ended with close code 1006: reset',
  ],
  [
    'ConnectionClosed', new ConnectionClosed({ code: 1005, reason: '', wasClean: true }),
    'CONNECTION_CLOSED', 'the connection has ended with close code 1005',
  ],
] as const) {
  errors(`${name} says "${message}"`, () => {
    assert.instance(error, WebSocketError);
    assert.is(error.name, name);
    assert.is(error.code, code);
    assert.is(error.message, message);
    assert.match(error.stack ?? '', new RegExp(`^${name}: `));
  });
}

errors('a HandshakeError is answered with its message as a line, if it has no body', () => {
  const error = new HandshakeError('NO_KEY', 401, 'bring a key');
  assert.is(error.status, 401);
  assert.equal(error.headers, {});
  assert.is(error.body, 'bring a key\n');
});

errors('a HandshakeError carries the reply it was given', () => {
  const error = new HandshakeError('NO_KEY', 401, 'bring a key', { headers: { 'WWW-Authenticate': 'Key' }, body: '' });
  assert.equal(error.headers, { 'WWW-Authenticate': 'Key' });
  assert.is(error.body, '');
});

errors('a ProtocolError carries the close code for the peer', () => {
  assert.is(new ProtocolError('INVALID_UTF8', 1007, 'no UTF-8').closeCode, 1007);
});

errors('ConnectionClosed carries how the connection ended, once it has', () => {
  assert.is(new ConnectionClosed(close).close, close);
  assert.is(new ConnectionClosed(null).close, null);
});

errors.run();
