// Values as text, for the logs that are kept in another process.

/** JSON after a `j`, or bytes as Base64 after a `b`. */
export function serialize(value: unknown): string {
  if (value instanceof Uint8Array) {
    return `b${Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64')}`;
  }
  return `j${value === undefined ? null : JSON.stringify(value)}`;
}

export function deserialize(text: string): unknown {
  return text.startsWith('b') ? new Uint8Array(Buffer.from(text.slice(1), 'base64')) : JSON.parse(text.slice(1));
}
