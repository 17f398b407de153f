// The files of a page: their types and policy, and who may read them.
import * as assert from 'uvu/assert';
import { addPageFiles, pageFile, readPage } from '../../src/demo/page-file.js';
import { httpRequest } from '../support/peers/raw-client.js';
import { suite } from '../runner/suite.js';
import { assertResponse, get, request, serve } from '../server/harness.js';

const files = suite('page file');

files('a file has its type, and no browser may take it for another', () => {
  assert.equal(pageFile('a.css', 'a {}'), {
    headers: { 'Content-Type': 'text/css; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    body: 'a {}',
  });
});

files('the policy of a page allows only what its own host has', () => {
  assert.is(
    pageFile('index.html', '').headers!['Content-Security-Policy'],
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
      "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  );
});

files('each is served at its path, to GET and HEAD only', async () => {
  await using served = await serve();
  addPageFiles(served.server, { '/a.css': pageFile('a.css', 'a {}'), '/b.css': pageFile('b.css', 'b {}') });
  const lines = [
    'HTTP/1.1 200 OK', 'Content-Type: text/css; charset=utf-8', 'X-Content-Type-Options: nosniff', 'Content-Length: 4',
  ];
  assertResponse(await httpRequest(served.port, get('/a.css')), lines, 'a {}');
  assertResponse(await httpRequest(served.port, get('/b.css')), lines, 'b {}');
  assertResponse(await httpRequest(served.port, request('HEAD', '/a.css')), lines, '');
  const refused = await httpRequest(served.port, request('DELETE', '/a.css'));
  assert.equal([refused.status, refused.headers.get('allow')], [405, 'GET, HEAD']);
});

files('a page has the files of its folder, and index.html for its own', () => {
  const page = readPage('home');
  const names = ['', 'ask-over-http.js', 'find.js', 'icon.svg', 'script.js', 'style.css'];
  assert.equal(Object.keys(page).sort(), names.map((name) => `/home/${name}`));
  assert.match(String(page['/home/']!.body), '<!doctype html>');
  const types = Object.values(page).map(({ headers }) => String(headers!['Content-Type']).split(';')[0]);
  assert.equal(new Set(types), new Set(['text/html', 'text/css', 'text/javascript', 'image/svg+xml']));
});

files.run();
