// Values as text, for the logs that are kept in another process.

/** JSON after a `j`, or bytes as Base64 after a `b`. */
export function serialize(value: unknown): string {
  if (value instanceof Uint8Array) {
    return `b${Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64')}`;
  }
  // JSON has nothing for `undefined` or a function.
  return `j${JSON.stringify(value) ?? null}`;
}

/** @throws SyntaxError if `serialize` has not made it. */
export function deserialize(text: unknown): unknown {
  if (typeof text === 'string') {
    if (text.startsWith('b')) return new Uint8Array(Buffer.from(text.slice(1), 'base64'));
    if (text.startsWith('j')) return JSON.parse(text.slice(1));
  }
  throw new SyntaxError('it is neither JSON after a j nor Base64 after a b');
}
