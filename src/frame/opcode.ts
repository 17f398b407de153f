// The opcodes of RFC 6455 §5.2 and §11.8.

export const Opcode = {
  CONTINUATION: 0x0,
  TEXT: 0x1,
  BINARY: 0x2,
  CLOSE: 0x8,
  PING: 0x9,
  PONG: 0xa,
} as const;

/** Which side of the connection this endpoint is; it decides who masks (§5.1). */
export type Role = 'client' | 'server';
