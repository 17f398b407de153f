// If a document's promises were not read or not held, they would only look tested.
import { rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { suite } from '../runner/suite.js';
import { RawClient } from './peers/raw-client.js';
import { extractSnippets, performStep, type Snippet } from './snippets.js';

/** A document of one program; with a quote for each backtick, to be readable here. */
function extractOne(text: string): Snippet {
  const snippets = extractSnippets('a.md', text.replaceAll("'", '`'));
  assert.is(snippets.length, 1);
  return snippets[0]!;
}

function fenceAfter(comment: string): string {
  return `# Title\n\n${comment}\n'''ts\nlisten(8000);\n'''\n`;
}

const extract = suite('snippets: extract');

extract('what a program prints, on one line or on several', () => {
  const snippet = extractOne(fenceAfter('<!-- prints: hello => world -->'));
  assert.equal(snippet, {
    name: 'a.md:4',
    code: 'listen(8000);\n',
    prints: 'hello => world',
    steps: [],
    problem: null,
  });
  assert.is(extractOne(fenceAfter('<!-- prints:\none\n  two\n-->\n')).prints, 'one\n  two');
  assert.is(extractOne(fenceAfter('<!-- prints: -->\n')).prints, '');
});

extract('what to expect of a server', () => {
  const { steps, problem } = extractOne(
    fenceAfter(`<!-- expect: GET / 200;PUT /a?b { "A": "1" } > "x \\" ; y" 404 "no"
      WS /ws/
        < "a" > "b" 1000 ; WS /ws < "c"; -->`),
  );
  assert.is(problem, null);
  assert.equal(steps, [
    { name: 'GET /', method: 'GET', target: '/', headers: {}, dialogue: [], code: 200 },
    {
      name: 'PUT /a?b',
      method: 'PUT',
      target: '/a?b',
      headers: { A: '1' },
      dialogue: [{ by: 'client', text: 'x " ; y' }, { by: 'server', text: 'no' }],
      code: 404,
    },
    {
      name: 'WS /ws/',
      method: 'WS',
      target: '/ws/',
      headers: {},
      dialogue: [{ by: 'server', text: 'a' }, { by: 'client', text: 'b' }],
      code: 1000,
    },
    { name: 'WS /ws', method: 'WS', target: '/ws', headers: {}, dialogue: [{ by: 'server', text: 'c' }], code: null },
  ]);
});

for (const [name, text, problem] of [
  ['no comment', fenceAfter(''), /^say in a comment/],
  ['a comment of another kind', fenceAfter('<!-- toc -->'), /^say in a comment/],
  ['a comment further up', fenceAfter('<!-- prints: x -->\ntext'), /^say in a comment/],
  ['an empty comment', fenceAfter('<!---->'), /^say in a comment/],
  ['an empty promise', fenceAfter('<!-- expect: -->'), /^there is nothing/],
  ['another port', fenceAfter('<!-- expect: GET / 200 -->').replace('8000', '80001'), /port 8000/],
  ['no status', fenceAfter('<!-- expect: WS / 400; GET /a "x" -->'), /^what does it answer to GET \/a\?$/],
  ['nothing said', fenceAfter('<!-- expect: WS / ; -->'), /^what does it answer to WS \/\?$/],
  ['no path', fenceAfter('<!-- expect: GET 200 -->'), /cannot be understood: GET 200$/],
  ['no method', fenceAfter('<!-- expect: "x" GET / 200 -->'), /cannot be understood: "x" GET/],
  ['another word', fenceAfter('<!-- expect: GET / 200 OK -->'), /cannot be understood: OK$/],
  ['an open string', fenceAfter('<!-- expect: GET / 200 "x -->'), /cannot be understood: "x$/],
  ['fields that are no JSON', fenceAfter('<!-- expect: GET / {a} 200 -->'), /JSON/],
  ['an indented fence', "- item\n  '''ts\n  code\n  '''\n", /^write the fence as/],
  ['a fence of tildes', '<!-- prints: x -->\n~~~ts\ncode\n~~~\n', /^write the fence as/],
  ['the long name of the language', "<!-- prints: x -->\n'''typescript\ncode\n'''\n", /^write the fence as/],
] as const) {
  extract(`a problem: ${name}`, () => {
    assert.match(extractOne(text).problem ?? 'none', problem);
  });
}

extract('several programs, amid other fences', () => {
  const text = [
    "'''sh\nnpm start\n'''\n",
    fenceAfter('<!-- prints: 1 -->'),
    `''''md\n${fenceAfter('')}''''\n`,
    "'''js\n1\n'''\n",
    "<!-- prints: 2 -->\n'''ts\nlast",
  ];
  const snippets = extractSnippets('b.md', text.join('').replaceAll("'", '`'));
  assert.equal(snippets.map(({ name, prints, code }) => [name, prints, code]), [
    ['b.md:7', '1', 'listen(8000);\n'],
    ['b.md:22', '2', 'last\n'],
  ]);
});

extract.run();

/** A server that answers in its own strange way, and keeps what it was asked. */
async function withServer(use: (port: number, asked: string[]) => Promise<void>): Promise<void> {
  const asked: string[] = [];
  const accepted = 'HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';
  async function serve(client: RawClient): Promise<void> {
    const head = (await client.readUntil('\r\n\r\n')).toString('latin1');
    const path = head.split(' ')[1];
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    asked.push(head + (await client.readBytes(length)).toString());
    if (path !== '/ws') return client.write('HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nh\xc3\xa9y\n');
    client.write(accepted);
    for (;;) {
      const { opcode, payload } = await client.readFrame();
      asked.push(`${opcode}: ${payload}`);
      client.sendFrame(9, '', { maskingKey: null });
      if (opcode === 8) client.sendFrame(8, payload, { maskingKey: null });
      else if (payload.toString() === 'end') client.sendFrame(8, Buffer.from([0x03, 0xeb]), { maskingKey: null });
      else client.sendFrame(1, `${payload}!`, { maskingKey: null });
    }
  }
  const server = createServer((socket) => {
    // The other end leaves as it likes.
    serve(new RawClient(socket)).catch(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await use((server.address() as AddressInfo).port, asked);
  } finally {
    server.close();
    await once(server, 'close');
  }
}

const perform = suite('snippets: perform');

async function performLine(line: string, port: number): Promise<void> {
  const { steps, problem } = extractOne(fenceAfter(`<!-- expect: ${line} -->`));
  assert.is(problem, null);
  await performStep(steps[0]!, port);
}

for (const line of [
  'GET / 201',
  'GET / 201 "héy\\n"',
  'WS /ws > "a" < "a!" > "b" < "b!"',
  'WS /ws > "a" > "b" < "a!" < "b!"',
  'WS /ws > "end" 1003',
  'WS /ws > "a" < "a!" > "end" 1003',
  'WS / 201',
]) {
  perform(`it holds: ${line}`, async () => {
    await withServer((port) => performLine(line, port));
  });
}

for (const [line, message] of [
  ['GET / 200', /^GET \/: status\nexpected: 200\nreceived: 201$/],
  ['GET / 201 "hey\\n"', /^GET \/: body\nexpected: "hey\\n"\nreceived: "héy\\n"$/],
  ['WS /ws > "a" < "a"', /^WS \/ws: message\nexpected: "a"\nreceived: "a!"$/],
  ['WS /ws > "a" > "b" < "a!"', /^WS \/ws: end\nexpected: 1000\nreceived: "b!"$/],
  ['WS /ws > "end" < "a!"', /^WS \/ws: message\nexpected: "a!"\nreceived: 1003$/],
  ['WS /ws > "end" 1000', /^WS \/ws: end\nexpected: 1000\nreceived: 1003$/],
  ['WS /ws > "a" > "end" 1003', /^WS \/ws: end\nexpected: 1003\nreceived: "a!"$/],
  ['WS / > "a" < "a!"', /^the upgrade failed:\nHTTP\/1.1 201 Created/],
  ['WS /ws 401', /^WS \/ws: status\nexpected: 401\nreceived: 101$/],
] as const) {
  perform(`it does not hold: ${line}`, async () => {
    await withServer((port) => rejects(performLine(line, port), { message }));
  });
}

perform('fields and body are sent', async () => {
  await withServer(async (port, asked) => {
    await performLine('POST /a?b=c {"X":"1"} > "é" 201', port);
    const head = `POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 2\r\nX: 1\r\n\r\n`;
    assert.equal(asked, [`${head}é`]);
    await performLine('WS /ws {"X":"1"} > "é" < "é!"', port);
    assert.match(asked[1]!, 'GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n');
    assert.match(asked[1]!, '\r\nX: 1\r\n');
    assert.equal(asked.slice(2), ['1: é', '8: \x03\ufffd']);
  });
});

perform.run();
