// Ctrl-C: the first closes, the second stops at once.

/** Milliseconds within which npm has passed on a signal; measured: 3. */
const NPM_DELAY = 100;

/**
 * The first signal calls `close`, which is to end the process; the second finds no listener and ends it at once.
 * @param clear makes room for the line that says so.
 */
export function closeOnSignal(close: () => void, clear?: () => void): void {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const stopListening = (): void => {
    for (const signal of signals) process.off(signal, listener);
  };
  let isClosing = false;
  const listener = (): void => {
    if (isClosing) return;
    isClosing = true;
    // npm passes on the Ctrl-C that the terminal has sent here too: that is not the second one.
    if (process.env['npm_lifecycle_event'] === undefined) stopListening();
    else setTimeout(stopListening, NPM_DELAY).unref();
    clear?.();
    // Before anybody sees the Close frame.
    console.error('closing; press Ctrl-C again to stop at once');
    close();
  };
  for (const signal of signals) process.on(signal, listener);
}
