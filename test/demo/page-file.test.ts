// The files of a page: their types and policy, and who may read them.
import * as assert from 'uvu/assert';
import { addPageFiles, askOverHttp, pageFile } from '../../src/demo/page-file.js';
import { httpRequest } from '../support/peers/raw-client.js';
import { suite } from '../runner/suite.js';
import { assertResponse, get, request, serve } from '../server/harness.js';

const files = suite('page file');

files('a file has its type, and no browser may take it for another', () => {
  assert.equal(pageFile('text/css', 'a {}'), {
    headers: { 'Content-Type': 'text/css; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    body: 'a {}',
  });
});

files('the policy of a page allows only what its own host has', () => {
  assert.is(
    pageFile('text/html', '').headers!['Content-Security-Policy'],
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
      "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  );
});

files('each is served at its path, to GET and HEAD only', async () => {
  await using served = await serve();
  addPageFiles(served.server, { '/a.css': pageFile('text/css', 'a {}'), '/b.css': pageFile('text/css', 'b {}') });
  const lines = [
    'HTTP/1.1 200 OK', 'Content-Type: text/css; charset=utf-8', 'X-Content-Type-Options: nosniff', 'Content-Length: 4',
  ];
  assertResponse(await httpRequest(served.port, get('/a.css')), lines, 'a {}');
  assertResponse(await httpRequest(served.port, get('/b.css')), lines, 'b {}');
  assertResponse(await httpRequest(served.port, request('HEAD', '/a.css')), lines, '');
  const refused = await httpRequest(served.port, request('DELETE', '/a.css'));
  assert.equal([refused.status, refused.headers.get('allow')], [405, 'GET, HEAD']);
});

files('a page asks over HTTP why no WebSocket was opened: the status, or null', async () => {
  const ask = new Function(`${askOverHttp} return askOverHttp;`)() as (url: URL) => Promise<string | null>;
  const { server, port } = await serve();
  server.route('/a', () => 'a');
  const url = new URL(`ws://127.0.0.1:${port}/a`);
  assert.is(await ask(url), '200');
  assert.is(await ask(new URL('b', url)), '404');
  await server.close();
  assert.is(await ask(url), null);
});

files.run();
