// The client's request for an upgrade, and each thing that the answer must say (RFC 6455 §1.3, §4.1).
import { throws } from 'node:assert/strict';
import * as assert from 'uvu/assert';
import { offerUpgrade, verifyUpgrade, type Offer } from '../../src/handshake/client.js';
import { ResponseHeadParser, type ResponseHead } from '../../src/http/response-head.js';
import { serializeRequestHead } from '../../src/http/serialize.js';
import { suite } from '../runner/suite.js';
import { SAMPLE_ACCEPT as ACCEPT, SAMPLE_KEY as KEY } from '../support/peers/raw-client.js';
import { assertRefused, refusal } from './refusal.js';

type Field = readonly [name: string, value: string];

const offering = suite('handshake/client: the request');

offering('§1.3, §4.1: the bytes of a request', () => {
  const fields = offerUpgrade({ key: KEY, subprotocols: ['chat', 'superchat'], deflate: null });
  const text = serializeRequestHead('GET', '/chat', [['Host', 'server.example.com'], ...fields]);
  assert.is(
    text,
    'GET /chat HTTP/1.1\r\n' +
      'Host: server.example.com\r\n' +
      'Upgrade: websocket\r\n' +
      'Connection: Upgrade\r\n' +
      'Sec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
      'Sec-WebSocket-Protocol: chat, superchat\r\n\r\n',
  );
});

offering('§4.1 item 10: without subprotocols there is no field for them', () => {
  assert.equal(offerUpgrade({ key: KEY, subprotocols: [], deflate: null }), [
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Version', '13'],
    ['Sec-WebSocket-Key', KEY],
  ]);
});

for (const subprotocol of ['', ' ', 'a b', 'a,b', 'a\r\nX: y', 'a\0', 'é', '"a"', 'a/b', 'a;b', 'a=b']) {
  offering(`§4.1 item 10: the subprotocol ${JSON.stringify(subprotocol)} is no token`, () => {
    const action = (): unknown => offerUpgrade({ key: KEY, subprotocols: ['chat', subprotocol], deflate: null });
    throws(action, { name: 'TypeError', message: /^the subprotocol "[\x20-\x7e]*" is not a token$/ });
  });
}

offering('§4.1 item 10: subprotocols are unique, but their letter case counts', () => {
  const offer = (subprotocols: string[]): Field[] => offerUpgrade({ key: KEY, subprotocols, deflate: null });
  throws(() => offer(['a', 'b', 'a']), { name: 'TypeError', message: /twice/ });
  assert.equal(offer(['a', 'A']).at(-1), ['Sec-WebSocket-Protocol', 'a, A']);
});

offering.run();

const verifying = suite('handshake/client: the answer');

const UPGRADE: Field = ['Upgrade', 'websocket'];
const CONNECTION: Field = ['Connection', 'Upgrade'];
const GOOD: Field = ['Sec-WebSocket-Accept', ACCEPT];

function answer(fields: readonly Field[]): ResponseHead {
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`);
  const text = `HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`;
  const head = new ResponseHeadParser().push(Buffer.from(text, 'latin1'));
  if (head === null) throw new Error('the head is incomplete');
  return head;
}

const OFFER: Offer = { key: KEY, subprotocols: ['chat', 'superchat'], deflate: null };

const accepted: [name: string, fields: Field[], subprotocol: string | null][] = [
  ['the example of §1.3', [UPGRADE, CONNECTION, GOOD], null],
  ['fields in another order', [GOOD, CONNECTION, ['Server', 'x'], UPGRADE], null],
  ['item 2: WebSocket in any case', [['uPGRADE', 'wEBsOCKET'], CONNECTION, GOOD], null],
  ['item 2: white space around it', [['Upgrade', ' \twebsocket\t '], CONNECTION, GOOD], null],
  ['item 3: the token in any case', [UPGRADE, ['connection', 'uPGRADE'], GOOD], null],
  ['item 3: the token in a list', [UPGRADE, ['Connection', 'keep-alive, Upgrade'], GOOD], null],
  ['item 3: the token in a list without spaces', [UPGRADE, ['Connection', ',keep-alive,upgrade,,'], GOOD], null],
  ['item 3: the token on a second line', [UPGRADE, ['Connection', 'x'], CONNECTION, GOOD], null],
  ['item 4: "ignoring any leading and trailing whitespace"', [
    UPGRADE, CONNECTION, ['Sec-WebSocket-Accept', ` \t ${ACCEPT} \t`],
  ], null],
  ['item 6: the first subprotocol', [UPGRADE, CONNECTION, GOOD, ['Sec-WebSocket-Protocol', 'chat']], 'chat'],
  ['item 6: the last subprotocol', [UPGRADE, CONNECTION, GOOD, ['sec-websocket-protocol', 'superchat']], 'superchat'],
];

for (const [name, fields, subprotocol] of accepted) {
  verifying(`§4.1: accepts ${name}`, () => {
    assert.equal(verifyUpgrade(answer(fields), OFFER), { subprotocol, extensions: '', deflate: null });
  });
}

const accept = (value: string): Field[] => [UPGRADE, CONNECTION, ['Sec-WebSocket-Accept', value]];
const extension = (value: string): Field[] => [UPGRADE, CONNECTION, GOOD, ['Sec-WebSocket-Extensions', value]];
const protocol = (...values: string[]): Field[] => [
  UPGRADE, CONNECTION, GOOD, ...values.map((value): Field => ['Sec-WebSocket-Protocol', value]),
];

const refused: [name: string, fields: Field[], code: string][] = [
  ['item 2: no Upgrade', [CONNECTION, GOOD], 'UPGRADE_NOT_WEBSOCKET'],
  ['item 2: an empty Upgrade', [['Upgrade', ''], CONNECTION, GOOD], 'UPGRADE_NOT_WEBSOCKET'],
  ['item 2: another protocol', [['Upgrade', 'h2c'], CONNECTION, GOOD], 'UPGRADE_NOT_WEBSOCKET'],
  ['item 2: a list of protocols', [['Upgrade', 'h2c, websocket'], CONNECTION, GOOD], 'UPGRADE_NOT_WEBSOCKET'],
  ['item 2: a version', [['Upgrade', 'websocket/13'], CONNECTION, GOOD], 'UPGRADE_NOT_WEBSOCKET'],
  ['item 2: a part of it', [['Upgrade', 'websocke'], CONNECTION, GOOD], 'UPGRADE_NOT_WEBSOCKET'],
  ['item 2: two of them', [UPGRADE, UPGRADE, CONNECTION, GOOD], 'UPGRADE_NOT_WEBSOCKET'],
  ['item 2: a letter that only lower case makes ASCII', [['Upgrade', 'web\u017focket'.replace('\u017f', '\xdf')],
    CONNECTION, GOOD], 'UPGRADE_NOT_WEBSOCKET'],
  ['item 3: no Connection', [UPGRADE, GOOD], 'CONNECTION_NOT_UPGRADE'],
  ['item 3: another option', [UPGRADE, ['Connection', 'keep-alive'], GOOD], 'CONNECTION_NOT_UPGRADE'],
  ['item 3: a part of a token', [UPGRADE, ['Connection', 'no-upgrade, upgrade2'], GOOD], 'CONNECTION_NOT_UPGRADE'],
  ['item 3: two tokens without comma', [UPGRADE, ['Connection', 'keep-alive Upgrade'], GOOD], 'CONNECTION_NOT_UPGRADE'],
  ['item 4: no accept', [UPGRADE, CONNECTION], 'ACCEPT_INVALID'],
  ['item 4: an empty accept', accept(''), 'ACCEPT_INVALID'],
  ['item 4: the accept of another key', accept('qYp+5zUB4tUNMbQxTrLHB3OQUuY='), 'ACCEPT_INVALID'],
  ['item 4: the key itself', accept(KEY), 'ACCEPT_INVALID'],
  ['item 4: another letter case', accept(ACCEPT.toLowerCase()), 'ACCEPT_INVALID'],
  ['item 4: a byte less', accept(ACCEPT.slice(0, -1)), 'ACCEPT_INVALID'],
  ['item 4: a byte more', accept(`${ACCEPT}=`), 'ACCEPT_INVALID'],
  ['item 4: a space within', accept(`${ACCEPT.slice(0, 9)} ${ACCEPT.slice(9)}`), 'ACCEPT_INVALID'],
  ['item 4: quotation marks', accept(`"${ACCEPT}"`), 'ACCEPT_INVALID'],
  ['item 4: two of them', [...accept(ACCEPT), GOOD], 'ACCEPT_INVALID'],
  ['item 4: a good one and a bad one', [...accept('x'), GOOD], 'ACCEPT_INVALID'],
  ['item 5: permessage-deflate', extension('permessage-deflate'), 'EXTENSION_NOT_OFFERED'],
  ['item 5: an extension with parameters', extension('x; a=1'), 'EXTENSION_NOT_OFFERED'],
  ['item 5: an extension on a second line', [...extension(''), ...extension('x').slice(-1)], 'EXTENSION_NOT_OFFERED'],
  ['item 5: an empty list of extensions', extension(' , '), 'EXTENSION_INVALID'],
  ['item 5: extensions that are no grammar', extension('"'), 'EXTENSION_INVALID'],
  ['item 5: a prototype name', extension('__proto__'), 'EXTENSION_NOT_OFFERED'],
  ['item 6: a subprotocol that was not offered', protocol('other'), 'SUBPROTOCOL_NOT_OFFERED'],
  ['item 6: another letter case', protocol('Chat'), 'SUBPROTOCOL_NOT_OFFERED'],
  ['item 6: an empty one', protocol(''), 'SUBPROTOCOL_NOT_OFFERED'],
  ['item 6: both that were offered', protocol('chat, superchat'), 'SUBPROTOCOL_NOT_OFFERED'],
  ['item 6: both, on two lines', protocol('chat', 'superchat'), 'SUBPROTOCOL_NOT_OFFERED'],
  ['§11.3.4: one of them twice', protocol('chat', 'chat'), 'SUBPROTOCOL_NOT_OFFERED'],
  ['item 6: a part of one', protocol('super'), 'SUBPROTOCOL_NOT_OFFERED'],
  ['item 6: a prototype name', protocol('constructor'), 'SUBPROTOCOL_NOT_OFFERED'],
];

for (const [name, fields, code] of refused) {
  verifying(`§4.1: refuses ${name}`, () => {
    const head = answer(fields);
    assertRefused(() => verifyUpgrade(head, OFFER), code, 101);
    const { headers, body } = refusal(() => verifyUpgrade(head, OFFER));
    assert.is(Object.keys(headers).length, new Set(fields.map(([field]) => field.toLowerCase())).size);
    assert.is(body, '');
  });
}

verifying('§4.1 item 6: a subprotocol although none was offered', () => {
  const head = answer(protocol('chat'));
  const offer = { key: KEY, subprotocols: [], deflate: null };
  assertRefused(() => verifyUpgrade(head, offer), 'SUBPROTOCOL_NOT_OFFERED', 101);
});

verifying.run();
