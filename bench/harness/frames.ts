// The bytes that the load generator sends, made once by hand-written code that is not the library's.
import { encodeNaive } from '../../test/support/naive-codec.js';

export const CONTENTS = ['binary', 'ASCII', 'CJK'] as const;
export type Content = (typeof CONTENTS)[number];

const MASKING_KEY = Buffer.from('37fa213d', 'hex');

/** A payload of exactly so many bytes. */
export function createPayload(content: Content, size: number): Buffer {
  const character = content === 'CJK' ? '字' : 'a';
  const count = Math.floor(size / Buffer.byteLength(character));
  return Buffer.from(character.repeat(count).padEnd(count + (size % Buffer.byteLength(character)), 'a'));
}

/** A message of a client, and what a server sends back if it echoes. */
export function createFrames(content: Content, payload: Uint8Array): { request: Buffer; reply: Buffer } {
  const opcode = content === 'binary' ? 2 : 1;
  return {
    request: encodeNaive({ opcode, payload, maskingKey: MASKING_KEY }),
    reply: encodeNaive({ opcode, payload }),
  };
}

/** An opening handshake (RFC 6455 §4.1) with the key of §1.3. */
export const OPENING_REQUEST = [
  'GET / HTTP/1.1',
  'Host: 127.0.0.1',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  '\r\n',
].join('\r\n');

/** The end of the answer's head. */
export const HEAD_END = '\r\n\r\n';
