// Ends a stream at once, so that its peer sees it as cut.
import type { Duplex } from 'node:stream';

// RFC 9113 §7
const CANCEL = 0x08;

/** RFC 8441 §5: what is a reset of TCP is "a RST_STREAM frame with a CANCEL error code" on a stream of HTTP/2. */
export function cut(stream: Duplex): void {
  if (isOfHttp2(stream)) stream.close(CANCEL);
  stream.destroy();
}

/** By what it can do: a class would have to be imported. */
function isOfHttp2(stream: Duplex): stream is Duplex & { close(code: number): void } {
  return 'rstCode' in stream;
}
