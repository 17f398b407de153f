// The conformance list through a server of node:http.
import { testConformance } from './conformance.js';
import { doors } from './doors.js';

await testConformance(doors.find(({ name }) => name === 'node:http')!);
