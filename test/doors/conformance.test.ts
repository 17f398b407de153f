// What RFC 6455 §5 to §9 and RFC 7692 ask of a server, through a server of node:http instead of a port of our own.
import { testServersThrough } from '../conformance/harness.js';
import { doors } from './doors.js';

testServersThrough(doors.find(({ name }) => name === 'node:http')!);
for (const section of ['5-framing', '6-messages', '7-closing', '9-extensions', '7692-deflate']) {
  await import(`../conformance/${section}.test.js`);
}
