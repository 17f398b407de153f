// The same exchanges through every door that needs nothing but Node.js.
import { doors } from './doors.js';
import { testDoor } from './exchanges.js';

for (const door of doors) testDoor(door);
