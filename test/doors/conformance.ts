// What RFC 6455 §5 to §9 and RFC 7692 ask of a server, through another door than a port of our own.
import { testServersThrough } from '../conformance/harness.js';
import type { Door } from './doors.js';

/** Adds the suites of these sections, once in a process. */
export async function testConformance(door: Door): Promise<void> {
  testServersThrough(door);
  for (const section of ['5-framing', '6-messages', '7-closing', '9-extensions', '7692-deflate']) {
    await import(`../conformance/${section}.test.js`);
  }
}
