// The requests of the study's clients, to the byte: minimal ones, and those that Chromium sends.
import { captured, type Fields } from './headers.js';
import type { Setting, Transport } from './setting.js';

const upgrade: Fields = [
  ['Upgrade', 'websocket'],
  ['Connection', 'Upgrade'],
  ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
  ['Sec-WebSocket-Version', '13'],
];

/** The path of the route that a transport asks. */
export function pathOf(transport: Transport): string {
  return transport === 'websocket-deflate' ? '/websocket' : `/${transport}`;
}

/** The header fields of each request, without `Host`, `If-None-Match` and what offers compression. */
export function fieldsOf({ transport, headers }: Pick<Setting, 'transport' | 'headers'>): Fields {
  const isWebSocket = transport === 'websocket' || transport === 'websocket-deflate';
  if (headers === 'minimal') return isWebSocket ? upgrade : [];
  const fields =
    transport === 'streaming' ? captured.eventSource
    : transport === 'latest' ? captured.conditional
    : isWebSocket ? captured.webSocket
    : captured.fetch;
  return fields.filter(([name]) => name !== 'If-None-Match' && name !== 'Sec-WebSocket-Extensions');
}

/** Makes the text of a request, given the number of the last update that the client has. */
export function requestOf(setting: Setting, port: number): (after: number) => string {
  const { transport } = setting;
  const fields = [...fieldsOf(setting)];
  if (transport === 'websocket-deflate') {
    fields.push(['Sec-WebSocket-Extensions', 'permessage-deflate; client_max_window_bits']);
  }
  const lines = fields.map(([name, value]) => `${name}: ${value.replace('127.0.0.1:00000', `127.0.0.1:${port}`)}\r\n`);
  const rest = ` HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${lines.join('')}`;
  const path = pathOf(transport);
  if (transport === 'latest') return (after) => `GET ${path}${rest}If-None-Match: "${after}"\r\n\r\n`;
  return (after) => `GET ${path}?after=${after}${rest}\r\n`;
}
