// The negotiation of permessage-deflate: offers, answers, and what they agree on (RFC 7692 §5, §7.1).
import type { Extension } from './extensions.js';

export const EXTENSION = 'permessage-deflate';

/** How one direction of a connection is compressed, or how an endpoint wants both to be. */
export interface DeflateContext {
  /** Whether a message may refer to earlier ones (§7.1.1). */
  readonly contextTakeover: boolean;
  /** The base-2 logarithm of the size of the sender's window in bytes, 8 to 15 (§7.1.2). */
  readonly windowBits: number;
}

/** What both sides have agreed on, as seen from this one. */
export interface DeflateAgreement {
  readonly incoming: DeflateContext;
  readonly outgoing: DeflateContext;
}

const MAX_WINDOW_BITS = 15;

/** The values that each parameter may have (§7.1); `true` stands for none. */
const PARAMETERS: Readonly<Record<string, (value: string | true) => boolean>> = {
  server_no_context_takeover: (value) => value === true,
  client_no_context_takeover: (value) => value === true,
  server_max_window_bits: isWindowBits,
  client_max_window_bits: (value) => value === true || isWindowBits(value),
};

/**
 * The server's side: accepts the first offer that it understands.
 * @param offers of the client, the preferred first; other extensions are passed over.
 * @param wanted how the server wants both directions to be compressed.
 * @returns what was agreed on, and the value of `Sec-WebSocket-Extensions` that says so; `null` to decline all.
 */
export function acceptDeflate(
  offers: readonly Extension[],
  wanted: DeflateContext,
): { agreement: DeflateAgreement; value: string } | null {
  for (const offer of offers) {
    // §7: "A server MUST decline an extension negotiation offer for this extension" with invalid parameters
    const offered = offer.name === EXTENSION ? parseParameters(offer) : null;
    if (offered === null) continue;
    const outgoing = {
      contextTakeover: wanted.contextTakeover && !offered.has('server_no_context_takeover'),
      windowBits: Math.min(windowBitsOf(offered, 'server_max_window_bits'), wanted.windowBits),
    };
    const incoming = {
      contextTakeover: wanted.contextTakeover && !offered.has('client_no_context_takeover'),
      windowBits: limitClient(offered, wanted.windowBits),
    };
    const value = serializeAnswer(outgoing, incoming, offered.has('server_max_window_bits'));
    return { agreement: { incoming, outgoing }, value };
  }
  return null;
}

/** §7.1.2.2: a client that has not offered the parameter can't be limited, and a value is the most that it will use. */
function limitClient(offered: ReadonlyMap<string, string | true>, windowBits: number): number {
  const value = offered.get('client_max_window_bits');
  if (value === undefined) return MAX_WINDOW_BITS;
  return value === true ? windowBits : Math.min(Number(value), windowBits);
}

function serializeAnswer(server: DeflateContext, client: DeflateContext, isServerWindowAsked: boolean): string {
  let value = EXTENSION;
  if (!server.contextTakeover) value += '; server_no_context_takeover';
  if (!client.contextTakeover) value += '; client_no_context_takeover';
  // §7.1.2.1: a server that was asked for a limit accepts it by naming the same or a smaller one
  if (isServerWindowAsked || server.windowBits < MAX_WINDOW_BITS) {
    value += `; server_max_window_bits=${server.windowBits}`;
  }
  if (client.windowBits < MAX_WINDOW_BITS) value += `; client_max_window_bits=${client.windowBits}`;
  return value;
}

/** The client's side: the value of `Sec-WebSocket-Extensions` that asks for what it wants in both directions. */
export function offerDeflate({ contextTakeover, windowBits }: DeflateContext): string {
  const start = contextTakeover ? EXTENSION : `${EXTENSION}; server_no_context_takeover; client_no_context_takeover`;
  if (windowBits === MAX_WINDOW_BITS) return `${start}; client_max_window_bits`;
  const limit = `client_max_window_bits=${windowBits}`;
  // §7.1.3: a server that can't limit its own window declines the first of the two, and may accept the second.
  return `${start}; server_max_window_bits=${windowBits}; ${limit}, ${start}; ${limit}`;
}

/**
 * The client's side: checks the answer to `offerDeflate`.
 * @param wanted as it was offered.
 * @returns `null` if it is no answer to that: unknown parameters, or others than were asked for (§7).
 */
export function verifyDeflate(answer: Extension, wanted: DeflateContext): DeflateAgreement | null {
  const answered = parseParameters(answer);
  if (answered === null) return null;
  // §7.1.1.1: a server that accepts the offer says so; one that does not name it would take over its context
  if (!wanted.contextTakeover && !answered.has('server_no_context_takeover')) return null;
  // §7.1.2.2: in an answer it has a value. It may be larger than the offer's, which "is just a hint" (§7.2.1).
  if (answered.get('client_max_window_bits') === true) return null;
  return {
    incoming: {
      contextTakeover: !answered.has('server_no_context_takeover'),
      // §7.1.2.1: the fallback offer leaves it to the server, which may name any.
      windowBits: windowBitsOf(answered, 'server_max_window_bits'),
    },
    outgoing: {
      contextTakeover: wanted.contextTakeover && !answered.has('client_no_context_takeover'),
      windowBits: Math.min(windowBitsOf(answered, 'client_max_window_bits'), wanted.windowBits),
    },
  };
}

/** `null` for a name or value that §7.1 does not know, and for a name that occurs twice (§7). */
function parseParameters({ parameters }: Extension): ReadonlyMap<string, string | true> | null {
  const parsed = new Map(parameters);
  if (parsed.size < parameters.length) return null;
  const isValid = parameters.every(([name, value]) => Object.hasOwn(PARAMETERS, name) && PARAMETERS[name](value));
  return isValid ? parsed : null;
}

function windowBitsOf(parameters: ReadonlyMap<string, string | true>, name: string): number {
  return Number(parameters.get(name) ?? MAX_WINDOW_BITS);
}

/** §7.1.2: "a decimal integer value without leading zeroes between 8 to 15, inclusive" */
function isWindowBits(value: string | true): boolean {
  return value !== true && /^(?:[89]|1[0-5])$/.test(value);
}
