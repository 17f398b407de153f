// The option `subprotocols` of either role, and the choice of the one to speak (RFC 6455 §1.9).
import { isToken, quote } from '../http/fields.js';

/**
 * The option as a list; a text stands for a list of one.
 *
 * @throws TypeError if a subprotocol is not a token, or occurs twice: they "MUST all be unique strings" (§4.1 item 10)
 */
export function resolveSubprotocols(option: string | readonly string[] = []): readonly string[] {
  const subprotocols = [option].flat();
  for (const subprotocol of subprotocols) {
    if (typeof subprotocol === 'string' && isToken(subprotocol)) continue;
    throw new TypeError(`the subprotocol ${quote(String(subprotocol))} is not a token`);
  }
  if (new Set(subprotocols).size < subprotocols.length) throw new TypeError('a subprotocol occurs twice');
  return subprotocols;
}

/**
 * Chooses the subprotocol to speak (§4.2.2, /subprotocol/).
 *
 * @param offered what the client speaks
 * @param supported what the server speaks, the preferred one first
 * @returns the first of `supported` that the client speaks too; `null` if there is none
 */
export function selectSubprotocol(offered: readonly string[], supported: readonly string[]): string | null {
  return supported.find((subprotocol) => offered.includes(subprotocol)) ?? null;
}
