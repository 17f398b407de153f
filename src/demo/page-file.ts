// The files of the demo's pages, in `pages`, and the policy under which a browser runs them.
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import type { Reply, ReplyParts, Request, Server } from '../index.js';

/** Allows only files from and connections to the page's own host. */
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

/** Media types by file extension. */
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
};

/** A file of a page. */
export function pageFile(name: string, body: string): ReplyParts {
  const type = types[extname(name)];
  const headers = { 'Content-Type': `${type}; charset=utf-8`, 'X-Content-Type-Options': 'nosniff' };
  return { headers: type === 'text/html' ? { ...headers, 'Content-Security-Policy': POLICY } : headers, body };
}

/** The files in a page's folder by path; `index.html` is the page itself. */
export function readPage(name: string): Readonly<Record<string, ReplyParts>> {
  const folder = new URL(`pages/${name}/`, import.meta.url);
  return Object.fromEntries(readdirSync(folder).map((file) => {
    const path = `/${name}/${file === 'index.html' ? '' : file}`;
    return [path, pageFile(file, readFileSync(new URL(file, folder), 'utf8'))];
  }));
}

/** Adds a route for each file, by its path. */
export function addPageFiles(server: Server, files: Readonly<Record<string, ReplyParts>>): void {
  for (const [path, file] of Object.entries(files)) server.route(path, (request) => toReader(request, file));
}

/** The reply for GET and HEAD, the only methods of what can just be read. */
export function toReader({ method }: Request, reply: Reply): Reply {
  if (method === 'GET' || method === 'HEAD') return reply;
  // RFC 9110 §15.5.6: a 405 must list what is allowed.
  return { status: 405, headers: { Allow: 'GET, HEAD' }, body: 'only GET and HEAD are allowed here\n' };
}
