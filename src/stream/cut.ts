// Ends a stream at once, so that its peer sees it as cut.
import type { Duplex } from 'node:stream';

// RFC 9113 §7
export const NO_ERROR = 0x00;
const CANCEL = 0x08;

/**
 * RFC 8441 §5: what is a reset of TCP is "a RST_STREAM frame with a CANCEL error code" on a stream of HTTP/2.
 * @param code another for a stream of HTTP/2.
 */
export function cut(stream: Duplex, code: number = CANCEL): void {
  if (isOfHttp2(stream)) stream.close(code);
  stream.destroy();
}

/** What is used of an `Http2Stream`. */
interface StreamOfHttp2 {
  close(code: number): void;
  /** `undefined` once it has ended. */
  readonly session: { readonly socket: unknown } | undefined;
}

/** By what it can do: a class would have to be imported. */
export function isOfHttp2(stream: object): stream is StreamOfHttp2 {
  return 'rstCode' in stream;
}
