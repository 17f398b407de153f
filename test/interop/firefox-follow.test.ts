// Firefox that follows a feed.
import { launchFirefox } from './firefox.js';
import { testFollow } from './follow-pages.js';

testFollow('firefox', launchFirefox, /connection to the server|connection to ws:|interrupted/);
