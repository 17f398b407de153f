// What Node warns of, such as a leak of listeners.
import { setImmediate as nextTurn } from 'node:timers/promises';

/** The names of the warnings that the process was given while the action ran. */
export async function warningsOf(action: () => void | Promise<void>): Promise<string[]> {
  const warnings: string[] = [];
  const tell = (warning: Error): void => void warnings.push(warning.name);
  process.on('warning', tell);
  try {
    await action();
    // A warning is told one tick after its cause.
    await nextTurn();
  } finally {
    process.off('warning', tell);
  }
  return warnings;
}
