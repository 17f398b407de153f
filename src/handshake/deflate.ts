// The negotiation of permessage-deflate: offers, answers, and what is agreed on by them (RFC 7692 §5, §7.1).
import type { Extension } from './extensions.js';

export const EXTENSION = 'permessage-deflate';

/** What both sides have agreed on. */
export interface DeflateAgreement {
  /** Whether the messages of the server, and those of the client, may refer to earlier ones (§7.1.1). */
  readonly serverContextTakeover: boolean;
  readonly clientContextTakeover: boolean;
  /** The base-2 logarithms of the size of their windows, 8 to 15 (§7.1.2). */
  readonly serverMaxWindowBits: number;
  readonly clientMaxWindowBits: number;
}

/** What an endpoint wants for both directions. */
export interface DeflatePreferences {
  readonly contextTakeover: boolean;
  readonly windowBits: number;
}

const MAX_WINDOW_BITS = 15;

/** The parameters of one extension; those with a number have `null` if they are absent, and `true` if it is. */
interface Parameters {
  serverNoContextTakeover: boolean;
  clientNoContextTakeover: boolean;
  serverMaxWindowBits: number | null;
  clientMaxWindowBits: number | true | null;
}

/**
 * The server's side: accepts the first offer that it understands.
 * @param offers of the client, the preferred first; other extensions are passed over.
 * @returns what was agreed on, and the value of `Sec-WebSocket-Extensions` that says so; `null` to decline all.
 */
export function acceptDeflate(
  offers: readonly Extension[],
  { contextTakeover, windowBits }: DeflatePreferences,
): { agreement: DeflateAgreement; value: string } | null {
  for (const offer of offers) {
    // §7: "A server MUST decline an extension negotiation offer for this extension" with parameters that are none
    const offered = offer.name === EXTENSION ? parseParameters(offer) : null;
    if (offered === null) continue;
    const agreement = {
      serverContextTakeover: contextTakeover && !offered.serverNoContextTakeover,
      clientContextTakeover: contextTakeover && !offered.clientNoContextTakeover,
      serverMaxWindowBits: Math.min(offered.serverMaxWindowBits ?? MAX_WINDOW_BITS, windowBits),
      clientMaxWindowBits: limitClient(offered.clientMaxWindowBits, windowBits),
    };
    return { agreement, value: serialize(agreement, offered.serverMaxWindowBits !== null) };
  }
  return null;
}

/** §7.1.2.2: a client that has not offered the parameter can't be limited, and a value is the most that it will use. */
function limitClient(offered: number | true | null, windowBits: number): number {
  if (offered === null) return MAX_WINDOW_BITS;
  return offered === true ? windowBits : Math.min(offered, windowBits);
}

function serialize(agreement: DeflateAgreement, isServerWindowAsked: boolean): string {
  const { serverMaxWindowBits, clientMaxWindowBits } = agreement;
  let value = EXTENSION;
  if (!agreement.serverContextTakeover) value += '; server_no_context_takeover';
  if (!agreement.clientContextTakeover) value += '; client_no_context_takeover';
  // §7.1.2.1: who was asked for a limit accepts it by naming the same or a smaller one
  if (isServerWindowAsked || serverMaxWindowBits < MAX_WINDOW_BITS) {
    value += `; server_max_window_bits=${serverMaxWindowBits}`;
  }
  if (clientMaxWindowBits < MAX_WINDOW_BITS) value += `; client_max_window_bits=${clientMaxWindowBits}`;
  return value;
}

/** The client's side: the value of `Sec-WebSocket-Extensions` that asks for what it wants. */
export function offerDeflate({ contextTakeover, windowBits }: DeflatePreferences): string {
  const start = contextTakeover ? EXTENSION : `${EXTENSION}; server_no_context_takeover; client_no_context_takeover`;
  if (windowBits === MAX_WINDOW_BITS) return `${start}; client_max_window_bits`;
  const limit = `client_max_window_bits=${windowBits}`;
  // §7.1.3: a server that can't limit its own window declines the first of the two, and may accept the second.
  return `${start}; server_max_window_bits=${windowBits}; ${limit}, ${start}; ${limit}`;
}

/**
 * The client's side: checks the answer to `offerDeflate`.
 * @returns `null` if it is none: unknown parameters, or others than were asked for (§7).
 */
export function verifyDeflate(
  answer: Extension,
  { contextTakeover, windowBits }: DeflatePreferences,
): DeflateAgreement | null {
  const answered = parseParameters(answer);
  if (answered === null) return null;
  const { serverMaxWindowBits, clientMaxWindowBits } = answered;
  // §7.1.1.1: a server that accepts the offer says so; one that does not name it would take over its context
  if (!contextTakeover && !answered.serverNoContextTakeover) return null;
  // §7.1.2.2: in an answer it has a value. It may be larger than the offer's, which "is just a hint" (§7.2.1).
  if (clientMaxWindowBits === true) return null;
  return {
    serverContextTakeover: !answered.serverNoContextTakeover,
    clientContextTakeover: contextTakeover && !answered.clientNoContextTakeover,
    // §7.1.2.1: the fallback offer leaves it to the server, which may name any.
    serverMaxWindowBits: serverMaxWindowBits ?? MAX_WINDOW_BITS,
    clientMaxWindowBits: Math.min(clientMaxWindowBits ?? MAX_WINDOW_BITS, windowBits),
  };
}

/** `null` for a name or value that §7.1 does not know, and for a name that occurs twice (§7). */
function parseParameters({ parameters }: Extension): Parameters | null {
  const parsed: Parameters = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: null,
    clientMaxWindowBits: null,
  };
  const names = new Set<string>();
  for (const [name, value] of parameters) {
    if (names.has(name)) return null;
    names.add(name);
    if (name === 'server_no_context_takeover' && value === true) {
      parsed.serverNoContextTakeover = true;
    } else if (name === 'client_no_context_takeover' && value === true) {
      parsed.clientNoContextTakeover = true;
    } else if (name === 'server_max_window_bits' && isWindowBits(value)) {
      parsed.serverMaxWindowBits = Number(value);
    } else if (name === 'client_max_window_bits' && (value === true || isWindowBits(value))) {
      parsed.clientMaxWindowBits = value === true || Number(value);
    } else {
      return null;
    }
  }
  return parsed;
}

/** §7.1.2: "a decimal integer value without leading zeroes between 8 to 15, inclusive" */
function isWindowBits(value: string | true): value is string {
  return value !== true && /^(?:[89]|1[0-5])$/.test(value);
}
