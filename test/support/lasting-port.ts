// A port for what is killed and started again on it.
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below those that systems give to whoever asks for any (Linux from 32,768): meanwhile nobody else gets it. */
const LOWEST = 10_000;
const HIGHEST = 32_767;

/** @returns a port that nobody listens on. */
export async function findLastingPort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST + 1);
    const probe = createServer().listen(port, '127.0.0.1');
    if (!(await once(probe, 'listening').then(() => true, () => false))) continue;
    await once(probe.close(), 'close');
    return port;
  }
}
