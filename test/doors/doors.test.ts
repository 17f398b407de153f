// The same exchanges through every door that needs nothing but Node.js.
import { doors } from './doors.js';
import { testDoor } from './exchanges.js';
import { http2Doors } from './http2-doors.js';

for (const door of [...doors, ...http2Doors]) testDoor(door);
