// What a page asks over HTTP when no WebSocket was opened.
import * as assert from 'uvu/assert';
import { serve } from '../../server/harness.js';
import { suite } from '../../runner/suite.js';

/** Runs in browsers, so that it has no types here. */
const path = new URL('../../../src/demo/pages/home/ask-over-http.js', import.meta.url).href;
const { askOverHttp } = await import(path) as { askOverHttp(url: URL): Promise<string | null> };

const asking = suite('page: ask over HTTP');

asking('why no WebSocket was opened: the status, or null', async () => {
  const { server, port } = await serve();
  server.route('/a', () => 'a');
  const url = new URL(`ws://127.0.0.1:${port}/a`);
  assert.is(await askOverHttp(url), '200');
  assert.is(await askOverHttp(new URL('b', url)), '404');
  await server.close();
  assert.is(await askOverHttp(url), null);
});

asking.run();
