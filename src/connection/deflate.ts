// permessage-deflate on one connection: what was agreed on, as this endpoint's codec needs it.
import type { DeflateSettings } from '../frame/deflater.js';
import type { Context } from '../frame/inflater.js';
import type { Role } from '../frame/opcode.js';
import type { DeflateAgreement } from '../handshake/deflate.js';
import type { ResolvedDeflateOptions } from './limits.js';

/** How each direction is compressed (RFC 7692 §7.1). */
export interface Deflate {
  readonly outgoing: DeflateSettings;
  readonly incoming: Context;
}

/** What follows for this endpoint from what both have agreed on. */
export function toDeflate(role: Role, agreement: DeflateAgreement, options: ResolvedDeflateOptions): Deflate {
  const { level, threshold } = options;
  const server = { windowBits: agreement.serverMaxWindowBits, contextTakeover: agreement.serverContextTakeover };
  const client = { windowBits: agreement.clientMaxWindowBits, contextTakeover: agreement.clientContextTakeover };
  const [outgoing, incoming] = role === 'server' ? [server, client] : [client, server];
  return { outgoing: { ...outgoing, level, threshold }, incoming };
}
