// The bytes that the load generator sends, made once by hand-written code that is not the library's.
import { constants, deflateRawSync } from 'node:zlib';
import { encodeNaive } from '../../test/support/codec/naive-codec.js';

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
export function openingRequest(path: string, extensions?: string): string {
  return [
    `GET ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    ...(extensions === undefined ? [] : [`Sec-WebSocket-Extensions: ${extensions}`]),
    '\r\n',
  ].join('\r\n');
}

/** More than a window holds, so that none comes back while it could still be referred to; but not endlessly many. */
const DIFFERENT_BYTES = 131_072;

/** Texts like the JSON of a ticker, all different, each of about so many bytes. */
export function createTexts(size: number): string[] {
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const words = 'price volume open closed currency EUR USD pending status quantity symbol'.split(' ');
  const item = (): string => {
    const [name, text] = [words[random(words.length)], words[random(words.length)]];
    return `{"id":${random(1e6)},"${name}":"${text}","value":${random(1e5) / 100}}`;
  };
  return Array.from({ length: Math.max(4, Math.ceil(DIFFERENT_BYTES / size)) }, () => {
    let text = item();
    while (text.length < size) text += `,${item()}`;
    return text.slice(0, size);
  });
}

/** A message of a client, compressed without a reference to others, so that it may be sent at any place. */
export function createCompressed(text: string): Buffer {
  const payload = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
  return encodeNaive({ opcode: 1, rsv1: true, payload, maskingKey: MASKING_KEY });
}

/** The end of the answer's head. */
export const HEAD_END = '\r\n\r\n';
