// Finds out why a WebSocket did not open: a script sees only 1006, whatever the reason.

/**
 * What the server answers to plain HTTP at a WebSocket's URL; null if it is away.
 * @param {URL} url
 * @returns {Promise<string | null>}
 */
export async function askOverHttp({ href }) {
  // A redirect is not followed: it may lead to another host, which the page's policy forbids.
  /** @type {RequestInit} */
  const options = { cache: 'no-store', redirect: 'manual', signal: AbortSignal.timeout(5000) };
  try {
    const { status } = await fetch(href.replace('ws', 'http'), options);
    return status === 0 ? 'a redirect' : String(status);
  } catch {
    return null;
  }
}
