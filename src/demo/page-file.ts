// The files that a page of the demo consists of, and the policy under which a browser runs them.
import type { Reply, ReplyParts } from '../server/reply.js';
import type { Request } from '../server/request.js';
import type { Server } from '../server/server.js';

/** Nothing but files and connections of the page's own host. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** A file of a page, of a type such as `text/css`. */
export function pageFile(type: string, body: string): ReplyParts {
  const headers = { 'Content-Type': `${type}; charset=utf-8`, 'X-Content-Type-Options': 'nosniff' };
  return { headers: type === 'text/html' ? { ...headers, 'Content-Security-Policy': POLICY } : headers, body };
}

/** The part of a page's script that asks why a WebSocket did not open: scripts are told 1006, whatever the reason. */
export const askOverHttp = /* js */ `
/** What the server answers to plain HTTP at a WebSocket's URL; null if it is away. */
async function askOverHttp({ href }) {
  // A redirect is not followed: it may lead to another host, where the page's policy ends it.
  const options = { cache: 'no-store', redirect: 'manual', signal: AbortSignal.timeout(5000) };
  try {
    const { status } = await fetch(href.replace('ws', 'http'), options);
    return status === 0 ? 'a redirect' : String(status);
  } catch {
    return null;
  }
}
`;

/** Adds a route for each file, by its path. */
export function addPageFiles(server: Server, files: Readonly<Record<string, ReplyParts>>): void {
  for (const [path, file] of Object.entries(files)) server.route(path, (request) => toReader(request, file));
}

/** The reply for GET and HEAD: what is there to be read knows no other method. */
export function toReader({ method }: Request, reply: Reply): Reply {
  if (method === 'GET' || method === 'HEAD') return reply;
  // RFC 9110 §15.5.6: with 405 comes the list of what is allowed.
  return { status: 405, headers: { Allow: 'GET, HEAD' }, body: 'only GET and HEAD are allowed here\n' };
}
