// Fuzzes the negotiation of permessage-deflate in both roles (RFC 7692 §5, §7.1).
//
// The invariant: for any value of Sec-WebSocket-Extensions, and any preferences,
// - an offer is accepted or declined, an answer is agreed to or not, and nothing is thrown but EXTENSIONS_INVALID;
// - what an offer or an answer says is what the grammar, written down a second time as a regular expression, says;
// - the first offer that can be accepted is, and the answer keeps to it and to the preferences;
// - the answer is a valid one, which says what the server then does;
// - a client always agrees with our server's answer to its own offer, and both to the same.
import { acceptDeflate, offerDeflate, verifyDeflate, type DeflateContext }
  from '../../src/handshake/deflate.js';
import { parseExtensions, type Extension } from '../../src/handshake/extensions.js';
import type { Random } from '../frame/random.js';
import { describeError } from './documented.js';
import { mutate } from './mutate.js';
import { assertHolds, assertSame, type Target } from './target.js';

const BITS = '(?:8|9|1[0-5])';
const NAMES = {
  serverNoTakeover: '; server_no_context_takeover',
  clientNoTakeover: '; client_no_context_takeover',
  serverBits: `; server_max_window_bits=${BITS}`,
  clientBits: `; client_max_window_bits(?:=${BITS})?`,
};
/** Each at most once, in any order. */
const VALID = new RegExp(
  `^permessage-deflate${Object.values(NAMES).map((each) => `(?!.*${each}.*${each}(?:;|$))`).join('')}` +
  `(?:${Object.values(NAMES).join('|')})*$`,
);

/** What an extension says, read from its text. */
interface Said {
  readonly serverNoTakeover: boolean;
  readonly clientNoTakeover: boolean;
  readonly serverBits: number | null;
  /** `true` for one without a value. */
  readonly clientBits: number | true | null;
}

/** The first byte of an input. */
function preferencesOf(byte: number): DeflateContext {
  return { contextTakeover: (byte & 1) === 0, windowBits: 8 + ((byte >> 1) & 7) };
}

function write({ name, parameters }: Extension): string {
  return name + parameters.map(([key, value]) => `; ${key}${value === true ? '' : `=${value}`}`).join('');
}

function readPlainly(text: string): Said | null {
  if (!VALID.test(text)) return null;
  const bits = (name: string): number | true | null => {
    const [, value] = new RegExp(`; ${name}(?:=(\\d+))?(?:;|$)`).exec(text) ?? [null, null];
    return value === null ? null : value === undefined ? true : Number(value);
  };
  return {
    serverNoTakeover: text.includes('server_no_context_takeover'),
    clientNoTakeover: text.includes('client_no_context_takeover'),
    serverBits: bits('server_max_window_bits') as number | null,
    clientBits: bits('client_max_window_bits'),
  };
}

function describe(server: DeflateContext, client: DeflateContext): string {
  const side = ({ contextTakeover, windowBits }: DeflateContext): string => `${contextTakeover} ${windowBits}`;
  return `server ${side(server)}, client ${side(client)}`;
}

function checkServer(offers: readonly Extension[], preferences: DeflateContext): void {
  const accepted = acceptDeflate(offers, preferences);
  const offered = offers.map((offer) => readPlainly(write(offer))).find((said) => said !== null) ?? null;
  const isFound = (accepted === null) === (offered === null);
  assertHolds('the first valid offer is accepted', isFound, () => `${accepted?.value}`);
  if (accepted === null || offered === null) return;
  const { value, agreement } = accepted;
  const said = readPlainly(value);
  if (said === null || said.clientBits === true) return assertHolds('a valid answer', false, () => value);
  const { contextTakeover, windowBits } = preferences;
  assertHolds('an answer that keeps to the offer',
    (said.serverNoTakeover || !offered.serverNoTakeover) &&
    (offered.serverBits === null || (said.serverBits ?? 16) <= offered.serverBits) &&
    (offered.clientBits !== null || said.clientBits === null) &&
    (typeof offered.clientBits !== 'number' || (said.clientBits ?? 15) <= offered.clientBits), () => value);
  assertHolds('an answer that keeps to the preferences',
    (contextTakeover || (said.serverNoTakeover && said.clientNoTakeover)) &&
    (said.serverBits ?? 15) <= windowBits &&
    (offered.clientBits === null || (said.clientBits ?? 15) <= windowBits), () => value);
  assertSame('the server does what it says', describe(agreement.outgoing, agreement.incoming), describe(
    { contextTakeover: !said.serverNoTakeover, windowBits: said.serverBits ?? 15 },
    { contextTakeover: !said.clientNoTakeover, windowBits: said.clientBits ?? 15 },
  ));
}

function checkClient(answer: Extension, preferences: DeflateContext): void {
  if (answer.name !== 'permessage-deflate') return;
  const agreement = verifyDeflate(answer, preferences);
  const said = readPlainly(write(answer));
  const { contextTakeover, windowBits } = preferences;
  // Of a small window there is a second offer, without the server's.
  const isAnswer = said !== null && said.clientBits !== true && (contextTakeover || said.serverNoTakeover);
  const agreed = agreement && describe(agreement.incoming, agreement.outgoing);
  assertSame('the client agrees to what is an answer to its offer', `${agreed}`, `${isAnswer ? describe(
    { contextTakeover: !said.serverNoTakeover, windowBits: said.serverBits ?? 15 },
    {
      // §7.2.1: a client that has offered not to take over, or a window, may still be free to do else; ours is not.
      contextTakeover: contextTakeover && !said.clientNoTakeover,
      windowBits: Math.min((said.clientBits as number | null) ?? 15, windowBits),
    },
  ) : null}`);
}

/** Our client and our server, whatever each prefers. */
function checkBoth(client: DeflateContext, server: DeflateContext): void {
  const accepted = acceptDeflate(parseExtensions(offerDeflate(client)), server);
  const agreement = accepted && verifyDeflate(parseExtensions(accepted.value)[0]!, client);
  assertHolds('a client and a server of ours agree', agreement !== null, () => `${accepted?.value}`);
  const { outgoing, incoming } = accepted!.agreement;
  const agreed = describe(agreement!.incoming, agreement!.outgoing);
  assertSame('both agree to the same', agreed, describe(outgoing, incoming));
}

const corpus = [
  'permessage-deflate',
  'permessage-deflate; client_max_window_bits',
  'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10',
  'permessage-deflate; client_max_window_bits=9; server_max_window_bits="8"',
  'permessage-deflate; server_max_window_bits=16, permessage-deflate; x, permessage-deflate; client_max_window_bits=15',
  'permessage-deflate; client_max_window_bits; client_max_window_bits=8',
  'permessage-deflate; server_no_context_takeover=1',
  'permessage-deflate; server_max_window_bits',
  'x-webkit-deflate-frame, permessage-deflate; __proto__; constructor',
].flatMap((text) => [0, 1, 4, 15].map((mode) => Buffer.from(String.fromCharCode(mode) + text, 'latin1')));

const PARAMETERS = [
  'server_no_context_takeover', 'client_no_context_takeover', 'server_max_window_bits', 'client_max_window_bits',
];
const VALUES = ['8', '9', '10', '15', '16', '7', '0', '015', '"10"', '"1\\2"', '-8', '1e1', '8.0', 'a', '__proto__'];
const PARTS = [...PARAMETERS, ...VALUES, 'permessage-deflate', '; ', ', ', '=', '"'];
const dictionary = PARTS.map((text) => Buffer.from(text));

function generate(random: Random): Buffer {
  if (random.chance(0.05)) return mutate(random.pick(corpus), random, dictionary);
  let text = '';
  do {
    if (text !== '') text += ', ';
    text += random.chance(0.95) ? 'permessage-deflate' : 'x';
    while (random.chance(0.65)) {
      const name = random.chance(0.97) ? random.pick(PARAMETERS) : random.pick(VALUES.slice(-2));
      text += `; ${name}`;
      const takesValue = name.endsWith('bits') !== random.chance(0.1);
      if (takesValue) text += `=${random.chance(0.9) ? random.integer(8, 15) : random.pick(VALUES)}`;
    }
  } while (random.chance(0.3));
  const mode = Buffer.of(random.integer(0, 15));
  const value = Buffer.from(text, 'latin1');
  return Buffer.concat([mode, random.chance(0.8) ? value : mutate(value, random, dictionary)]);
}

export const negotiation: Target = {
  name: 'negotiation',
  concurrency: 256,
  obstacle: null,
  corpus,
  generate,
  check(input, random) {
    const preferences = preferencesOf(input[0] ?? 0);
    checkBoth(preferences, preferencesOf(random.integer(0, 15)));
    let extensions: Extension[];
    try {
      extensions = parseExtensions(input.toString('latin1', 1).replaceAll(/[\0-\x08\x0a-\x1f\x7f]/g, '?'));
    } catch (error) {
      describeError(error, { EXTENSIONS_INVALID: 400 });
      return;
    }
    checkServer(extensions, preferences);
    checkClient(extensions[0]!, preferences);
  },
};
