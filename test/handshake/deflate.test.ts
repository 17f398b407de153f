// The negotiation of permessage-deflate: each parameter in both roles, and what is declined or refused (RFC 7692 §7.1).
import * as assert from 'uvu/assert';
import {
  acceptDeflate, offerDeflate, verifyDeflate, type DeflateContext,
} from '../../src/handshake/deflate.js';
import { parseExtensions } from '../../src/handshake/extensions.js';
import { suite } from '../runner/suite.js';

const ALL: DeflateContext = { contextTakeover: true, windowBits: 15 };
const ALONE: DeflateContext = { contextTakeover: false, windowBits: 15 };
const SMALL: DeflateContext = { contextTakeover: true, windowBits: 10 };

/** What was agreed on in one line: `server 15 takeover, client 15 takeover`. */
function show(server: DeflateContext, client: DeflateContext): string {
  const side = ({ windowBits, contextTakeover }: DeflateContext): string => (
    `${windowBits}${contextTakeover ? ' takeover' : ''}`
  );
  return `server ${side(server)}, client ${side(client)}`;
}

const BOTH = 'server 15 takeover, client 15 takeover';

const accepting = suite('handshake/deflate: the server');

const ACCEPTED: [name: string, offer: string, preferences: DeflateContext, value: string, agreement: string][] = [
  ['no parameters', 'permessage-deflate', ALL, '', BOTH],
  ['§7.1.1.1 server_no_context_takeover', 'permessage-deflate; server_no_context_takeover', ALL,
    '; server_no_context_takeover', 'server 15, client 15 takeover'],
  ['§7.1.1.2 client_no_context_takeover, a hint that is taken', 'permessage-deflate; client_no_context_takeover', ALL,
    '; client_no_context_takeover', 'server 15 takeover, client 15'],
  ['§7.1.1 both', 'permessage-deflate; client_no_context_takeover; server_no_context_takeover', ALL,
    '; server_no_context_takeover; client_no_context_takeover', 'server 15, client 15'],
  ['§7.1.2.1 server_max_window_bits', 'permessage-deflate; server_max_window_bits=10', ALL,
    '; server_max_window_bits=10', 'server 10 takeover, client 15 takeover'],
  ['§7.1.2.1 of 8', 'permessage-deflate; server_max_window_bits=8', ALL,
    '; server_max_window_bits=8', 'server 8 takeover, client 15 takeover'],
  ['§7.1.2.1 of 15 is named too', 'permessage-deflate; server_max_window_bits=15', ALL,
    '; server_max_window_bits=15', BOTH],
  ['§7.1.2.2 client_max_window_bits without a value', 'permessage-deflate; client_max_window_bits', ALL, '', BOTH],
  ['§7.1.2.2 with a value is the most that the client will use', 'permessage-deflate; client_max_window_bits=9', ALL,
    '; client_max_window_bits=9', 'server 15 takeover, client 9 takeover'],
  ['§7.1.2.2 of 15', 'permessage-deflate; client_max_window_bits=15', ALL, '', BOTH],
  ['quoted values', 'permessage-deflate; server_max_window_bits="10"; client_max_window_bits="1\\1"', ALL,
    '; server_max_window_bits=10; client_max_window_bits=11', 'server 10 takeover, client 11 takeover'],
  ['the example of §7.1.3', 'permessage-deflate; client_max_window_bits; server_max_window_bits=10', ALL,
    '; server_max_window_bits=10', 'server 10 takeover, client 15 takeover'],

  ['without takeover, by the server\'s own wish', 'permessage-deflate', ALONE,
    '; server_no_context_takeover; client_no_context_takeover', 'server 15, client 15'],
  ['a small window, of a client that can be limited', 'permessage-deflate; client_max_window_bits', SMALL,
    '; server_max_window_bits=10; client_max_window_bits=10', 'server 10 takeover, client 10 takeover'],
  ['a small window, of a client that uses less', 'permessage-deflate; client_max_window_bits=9', SMALL,
    '; server_max_window_bits=10; client_max_window_bits=9', 'server 10 takeover, client 9 takeover'],
  ['§7.1.2.2 a small window, of a client that can\'t be limited', 'permessage-deflate', SMALL,
    '; server_max_window_bits=10', 'server 10 takeover, client 15 takeover'],
  ['a small window where a smaller one is asked for', 'permessage-deflate; server_max_window_bits=9', SMALL,
    '; server_max_window_bits=9', 'server 9 takeover, client 15 takeover'],
  ['a small window where a larger one would do', 'permessage-deflate; server_max_window_bits=15', SMALL,
    '; server_max_window_bits=10', 'server 10 takeover, client 15 takeover'],

  ['§5 the first of several', 'permessage-deflate; server_max_window_bits=10, permessage-deflate', ALL,
    '; server_max_window_bits=10', 'server 10 takeover, client 15 takeover'],
  ['§5 the next one if the first is declined',
    'permessage-deflate; unknown, permessage-deflate; server_max_window_bits=9', ALL,
    '; server_max_window_bits=9', 'server 9 takeover, client 15 takeover'],
  ['among other extensions', 'x-webkit-deflate-frame, permessage-bzip2; a=b, permessage-deflate', ALL, '', BOTH],
];

for (const [name, offer, preferences, parameters, agreement] of ACCEPTED) {
  accepting(`accepts ${name}`, () => {
    const accepted = acceptDeflate(parseExtensions(offer), preferences);
    assert.is(accepted?.value, `permessage-deflate${parameters}`);
    const { outgoing, incoming } = accepted!.agreement;
    assert.is(show(outgoing, incoming), agreement);
  });
}

/** §7: what makes an offer, or an answer, one that must not be accepted. */
const INVALID = [
  'unknown', 'unknown=1', '__proto__', 'constructor=1', 'Server_no_context_takeover',
  'server_no_context_takeover; server_no_context_takeover', 'server_no_context_takeover=1',
  'server_no_context_takeover="true"', 'client_no_context_takeover=0',
  'client_no_context_takeover; client_no_context_takeover',
  'server_max_window_bits', 'server_max_window_bits=7', 'server_max_window_bits=16', 'server_max_window_bits=0',
  'server_max_window_bits=1000', 'server_max_window_bits=08', 'server_max_window_bits=+9', 'server_max_window_bits=9.0',
  'server_max_window_bits=1e1', 'server_max_window_bits=0x9', 'server_max_window_bits=NaN',
  'server_max_window_bits=10; server_max_window_bits=10', 'client_max_window_bits=7', 'client_max_window_bits=16',
  'client_max_window_bits=010', 'client_max_window_bits=-9', 'client_max_window_bits; client_max_window_bits=10',
];

for (const parameters of INVALID) {
  accepting(`§7 declines ${parameters}`, () => {
    assert.is(acceptDeflate(parseExtensions(`permessage-deflate; ${parameters}`), ALL), null);
    const behind = acceptDeflate(parseExtensions(`permessage-deflate; ${parameters}, permessage-deflate`), ALL);
    assert.is(behind?.value, 'permessage-deflate');
  });
}

accepting('declines what is no permessage-deflate', () => {
  assert.is(acceptDeflate([], ALL), null);
  assert.is(acceptDeflate(parseExtensions('permessage-bzip2, Permessage-Deflate, deflate'), ALL), null);
});

accepting.run();

const offering = suite('handshake/deflate: the client');

const OFFERS: [preferences: DeflateContext, value: string][] = [
  [ALL, 'permessage-deflate; client_max_window_bits'],
  [ALONE, 'permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits'],
  // §7.1.3: of two the server takes the second if it can't limit its window.
  [SMALL, 'permessage-deflate; server_max_window_bits=10; client_max_window_bits=10, ' +
    'permessage-deflate; client_max_window_bits=10'],
  [{ contextTakeover: false, windowBits: 8 },
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; ' +
    'client_max_window_bits=8, ' +
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=8'],
];

for (const [preferences, value] of OFFERS) {
  offering(`offers ${value}`, () => assert.is(offerDeflate(preferences), value));
}

function verify(answer: string, preferences: DeflateContext): string | null {
  const agreement = verifyDeflate(parseExtensions(answer)[0]!, preferences);
  return agreement && show(agreement.incoming, agreement.outgoing);
}

const ANSWERS: [answer: string, preferences: DeflateContext, agreement: string | null][] = [
  ['permessage-deflate', ALL, BOTH],
  ['permessage-deflate; server_no_context_takeover', ALL, 'server 15, client 15 takeover'],
  ['permessage-deflate; client_no_context_takeover', ALL, 'server 15 takeover, client 15'],
  ['permessage-deflate; server_max_window_bits=8', ALL, 'server 8 takeover, client 15 takeover'],
  ['permessage-deflate; client_max_window_bits=8', ALL, 'server 15 takeover, client 8 takeover'],
  ['permessage-deflate; client_max_window_bits="9"; server_max_window_bits=15', ALL,
    'server 15 takeover, client 9 takeover'],
  // §7.1.2.2: "client_max_window_bits" has no value only in an offer.
  ['permessage-deflate; client_max_window_bits', ALL, null],

  // §7.1.1.1: a server that may take over must not be taken at its silence.
  ['permessage-deflate', ALONE, null],
  ['permessage-deflate; client_no_context_takeover', ALONE, null],
  ['permessage-deflate; server_no_context_takeover', ALONE, 'server 15, client 15'],
  ['permessage-deflate; server_no_context_takeover; client_no_context_takeover', ALONE, 'server 15, client 15'],

  // §7.1.3: these answer the second offer; Jetty and Tomcat know no other window.
  ['permessage-deflate', SMALL, 'server 15 takeover, client 10 takeover'],
  ['permessage-deflate; client_max_window_bits=10', SMALL, 'server 15 takeover, client 10 takeover'],
  ['permessage-deflate; server_max_window_bits=11', SMALL, 'server 11 takeover, client 10 takeover'],
  ['permessage-deflate', { contextTakeover: false, windowBits: 8 }, null],
  ['permessage-deflate; server_no_context_takeover', { contextTakeover: false, windowBits: 8 }, 'server 15, client 8'],
  ['permessage-deflate; server_max_window_bits=10', SMALL, 'server 10 takeover, client 10 takeover'],
  ['permessage-deflate; server_max_window_bits=9', SMALL, 'server 9 takeover, client 10 takeover'],
  // §7.2.1: a client may offer "a value smaller than one in the 'agreed parameters'"; what it has said, it does.
  ['permessage-deflate; server_max_window_bits=10; client_max_window_bits=11', SMALL,
    'server 10 takeover, client 10 takeover'],
  ['permessage-deflate; server_max_window_bits=10; client_max_window_bits=9', SMALL,
    'server 10 takeover, client 9 takeover'],
];

for (const [answer, preferences, agreement] of ANSWERS) {
  offering(`${agreement === null ? 'refuses' : 'accepts'} ${answer}, ${offerDeflate(preferences)}`, () => {
    assert.is(verify(answer, preferences), agreement);
  });
}

for (const parameters of INVALID) {
  offering(`§7 refuses ${parameters}`, () => assert.is(verify(`permessage-deflate; ${parameters}`, ALL), null));
}

offering.run();
