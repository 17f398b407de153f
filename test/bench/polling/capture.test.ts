// Chromium still sends the header fields that the polling study has written down.
import * as assert from 'uvu/assert';
import { captureHeaders } from '../../../bench/polling/capture.js';
import { captured } from '../../../bench/polling/headers.js';
import { suite } from '../../runner/suite.js';

const test = suite('captured headers');

test('the names of the fields are the same: else node dist/bench/polling/capture.js', async () => {
  const { browser, ...requests } = await captureHeaders();
  for (const [kind, fields] of Object.entries(requests)) {
    const known = captured[kind as 'fetch'].map(([name]) => name);
    assert.equal(fields.map(([name]) => name), known, `${kind} of ${browser}`);
  }
});

test.run();
