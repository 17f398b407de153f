// Ctrl-C: the first closes, the second stops at once.

/** Milliseconds within which npm has surely passed on a signal. */
const NPM_DELAY = 100;

/**
 * The first signal calls `close`, which should end the process. The second finds no listener and ends it at once.
 * @param clear makes room for the line that tells the user.
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
    // npm passes on the Ctrl-C that the terminal has already sent here: that is not a second one.
    if (process.env['npm_lifecycle_event'] === undefined) stopListening();
    else setTimeout(stopListening, NPM_DELAY).unref();
    clear?.();
    // Printed before anybody can see the Close frame.
    console.error('closing; press Ctrl-C again to stop at once');
    close();
  };
  for (const signal of signals) process.on(signal, listener);
}
