// The conformance list through a server of node:http2.
import { testConformance } from './conformance.js';
import { http2Doors } from './http2-doors.js';

await testConformance(http2Doors.find(({ name }) => name === 'HTTP/2, cleartext')!);
