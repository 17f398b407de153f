// Spares a client the reply that it already has: `ETag`, `If-None-Match` and 304 (RFC 9110 §13.1.2, §15.4.5).
import type { RequestHead } from '../http/request-head.js';
import type { Response } from './reply.js';
import { endBody } from './response.js';

/**
 * RFC 9110 §15.4.5: with 304, what describes the content SHOULD NOT be sent, but for what caches need to update theirs;
 * the rest of the reply's fields stay.
 */
const LEFT_OUT = ['content-type', 'content-encoding', 'content-language', 'content-range', 'last-modified'];

/** An entity-tag (RFC 9110 §8.8.3) without the `W/` of a weak one: §13.1.2 compares them weakly. */
const ENTITY_TAG = /"[\x21\x23-\x7e\x80-\xff]*"/g;

/** The response, or 304 if it has an `ETag` that the request's `If-None-Match` names. */
export function withoutKnownContent(response: Response, { method, headers }: RequestHead): Response {
  if (response.status !== 200 || (method !== 'GET' && method !== 'HEAD')) return response;
  const known = headers.get('if-none-match');
  const tag = response.headers.find(([name]) => name.toLowerCase() === 'etag')?.[1];
  if (known === null || tag === undefined || !isNamed(known, tag)) return response;
  if (response.body !== null && !(response.body instanceof Uint8Array)) endBody(response.body);
  const fields = response.headers.filter(([name]) => !LEFT_OUT.includes(name.toLowerCase()));
  return { status: 304, headers: fields, body: null };
}

/** §13.1.2: `*` names whatever there is. */
function isNamed(known: string, tag: string): boolean {
  if (known === '*') return true;
  const [wanted] = tag.match(ENTITY_TAG) ?? [];
  return wanted !== undefined && known.match(ENTITY_TAG)?.includes(wanted) === true;
}
