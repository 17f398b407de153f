// Starts what many share, such as a timer, in no caller's async context (`AsyncLocalStorage`).
import { AsyncResource } from 'node:async_hooks';

/**
 * Calls `start` in the context in which this module was loaded. A timer runs in the context in which it was started:
 * that of the first who needs it would be held, and be seen by what is done for all.
 */
export const inNoContext: <T>(start: () => T) => T = AsyncResource.bind(<T>(start: () => T): T => start());
