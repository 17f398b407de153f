// Does something with each of many, spread evenly over a time, with one timer for all.

/**
 * Calls `act` with the first item at once, and with the others in turn within `duration` milliseconds; with all at once
 * if that is 0.
 * @returns a function that stops it
 */
export function spreadEvenly<T>(items: readonly T[], duration: number, act: (item: T) => void): () => void {
  const start = performance.now();
  const share = duration / items.length;
  let timer: NodeJS.Timeout | undefined;
  let next = 0;
  const step = (): void => {
    // A timer may be late: then it has several to do.
    const elapsed = performance.now() - start;
    while (next < items.length && next * share <= elapsed) act(items[next++]);
    if (next < items.length) timer = setTimeout(step, Math.ceil(next * share - elapsed));
  };
  step();
  return () => clearTimeout(timer);
}
