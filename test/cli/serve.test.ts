// `twobyte serve` as a process: its mistakes, and what it serves.
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import * as assert from 'uvu/assert';
import { origin } from '../../src/cli/serve.js';
import { suite } from '../runner/suite.js';
import { httpRequest, RawClient, upgradeRequest } from '../support/peers/raw-client.js';
import { Run, run, type Environment } from './harness.js';

const mistaken = suite('cli/serve: mistakes');

const notPort = 'the port must be a whole number from 0 to 65535, not';
const notBytes = '--max-message-bytes must be a whole number from 0 to 536870888, not';

const elsewhere = 'choose an address of this machine with --host, and a port above 1023 with --port';

const mistakes: readonly [args: string, sentence: string, environment?: Environment][] = [
  ['serve --prot 1', "Unknown option '--prot'; see twobyte serve --help"],
  ['serve 8000', "Unexpected argument '8000'; see twobyte serve --help"],
  ['serve --port', "Option '--port <value>' argument missing; see twobyte serve --help"],
  ['serve --port -1', "Option '--port' argument is ambiguous; see twobyte serve --help"],
  ['serve --port=-1', `${notPort} "-1"`],
  ['serve --port=', `${notPort} ""`],
  ['serve --port http', `${notPort} "http"`],
  ['serve --port 0x50', `${notPort} "0x50"`],
  ['serve --port 80.5', `${notPort} "80.5"`],
  ['serve --port 65536', `${notPort} "65536"`],
  ['serve --port 99999999999999999999', `${notPort} "99999999999999999999"`],
  ['serve', `${notPort} "eight"`, { PORT: 'eight' }],
  ['serve --port 0 --max-message-bytes 1MiB', `${notBytes} "1MiB"`],
  ['serve --port 0 --max-message-bytes=-1', `${notBytes} "-1"`],
  ['serve --port 0 --max-message-bytes 536870889', `${notBytes} "536870889"`],
  ['serve --port 0 --host=', 'the host must not be empty'],
  [
    // RFC 5737: an address for documentation, which no machine has.
    'serve --port 0 --host 192.0.2.1',
    `cannot listen on port 0 of 192.0.2.1 (EADDRNOTAVAIL); ${elsewhere}`,
  ],
];

for (const [args, sentence, environment] of mistakes) {
  mistaken(`${Object.keys(environment ?? {})} ${args}: one sentence and exit code 1`, async () => {
    const ending = await run(args.split(' ').filter(Boolean), environment);
    assert.equal(ending, { code: 1, signal: null, output: '', errors: `twobyte: ${sentence}\n` });
  });
}

for (const name of ['--port', 'PORT']) {
  mistaken(`a busy port, by ${name}`, async () => {
    const busy = createServer().listen(0, '127.0.0.1');
    await once(busy, 'listening');
    const port = String((busy.address() as AddressInfo).port);
    try {
      const ending = await (name === 'PORT' ? run(['serve'], { PORT: port }) : run(['serve', '--port', port]));
      const errors = `twobyte: port ${port} on 127.0.0.1 is in use; choose another with --port\n`;
      assert.equal(ending, { code: 1, signal: null, output: '', errors });
    } finally {
      busy.close();
    }
  });
}

mistaken.run();

const served = suite('cli/serve');

const hosts: readonly [args: readonly string[], environment: Environment, host: string][] = [
  [['--port', '0'], {}, '127.0.0.1'],
  [['--port', '0', '--host', 'localhost'], {}, 'localhost'],
  // The option wins over the environment.
  [['--port=0'], { PORT: 'eight' }, '127.0.0.1'],
  [[], { PORT: '0' }, '127.0.0.1'],
];

for (const [args, environment, host] of hosts) {
  served(`the page, at the address it prints: ${JSON.stringify(environment)} ${args.join(' ')}`, async () => {
    await using program = new Run(['serve', ...args], environment);
    const address = await program.address();
    assert.is(address.href, `http://${host}:${address.port}/home/`);
    const target = { host, port: Number(address.port) };
    const response = await httpRequest(target, `GET ${address.pathname} HTTP/1.1\r\nHost: ${address.host}\r\n\r\n`);
    assert.is(response.status, 200);
    assert.match(response.body.toString(), '<title>twobyte echo</title>');
  });
}

served('an IPv6 address stands in brackets', () => {
  assert.is(origin('2001:db8::1', 8000), 'http://[2001:db8::1]:8000');
});

served('the page, over IPv6', async () => {
  const hasIpv6 = Object.values(networkInterfaces()).flat().some((network) => network?.address === '::1');
  await using program = new Run(['serve', '--port', '0', '--host', '::1']);
  if (!hasIpv6) {
    assert.match((await program.end()).errors, /^twobyte: cannot listen on port 0 of ::1 \(\w+\); choose an /);
    return;
  }
  const address = await program.address();
  assert.is(address.hostname, '[::1]');
  const target = { host: '::1', port: Number(address.port) };
  assert.is((await httpRequest(target, `GET /home/ HTTP/1.1\r\nHost: ${address.host}\r\n\r\n`)).status, 200);
});

for (const [origins, origin, status] of [
  [[], 'https://example.com', 403],
  [['https://example.com'], 'https://example.com', 101],
  [['https://example.com', '127.0.0.1'], '127.0.0.1', 101],
  [['https://example.com'], 'https://example.net', 403],
  [['https://example.com', '*'], 'https://example.net', 101],
] as const) {
  served(`--origin ${origins}: a page of ${origin} gets ${status}`, async () => {
    await using program = new Run(['serve', '--port', '0', ...origins.flatMap((each) => ['--origin', each])]);
    const { port, host } = await program.address();
    const request = upgradeRequest('/echo/', { Host: host, Origin: origin });
    assert.is((await httpRequest(Number(port), request)).status, status);
    program.child.kill('SIGINT');
    assert.is((await program.end()).code, 0);
  });
}

served('--max-message-bytes', async () => {
  await using program = new Run(['serve', '--port', '0', '--max-message-bytes', '5']);
  await using client = await RawClient.connect(Number((await program.address()).port));
  await client.upgrade('/echo/');
  client.sendFrame(0x1, 'Hello');
  assert.is((await client.readFrame()).payload.toString(), 'Hello');
  client.sendFrame(0x1, 'Hello!');
  const { opcode, payload } = await client.readFrame();
  assert.is(opcode, 0x8);
  assert.is(payload.readUInt16BE(0), 1009);
});

served('where its pages are', async () => {
  await using program = new Run(['serve', '--port', '0']);
  const { origin } = await program.address();
  await program.until(() => program.output.split('\n').length > 3);
  assert.is(program.output, `${origin}/home/\n${origin}/race/\n${origin}/dashboard/\n`);
});

served('each connection is a line when it opens, and one when it has ended', async () => {
  await using program = new Run(['serve', '--port', '0']);
  const port = Number((await program.address()).port);
  for (const [frame, end] of [['03e8', '1000'], ['0fa1627965', '4001: bye']]) {
    await using client = await RawClient.connect(port);
    await client.upgrade('/echo/?secret=1');
    client.sendFrame(0x1, 'one');
    client.sendFrame(0x8, Buffer.from(frame!, 'hex'));
    await client.readToEnd();
    client.socket.end();
    const closed = `closed /echo/ from 127.0.0.1 with ${end}; messages in 1, out 1\n`;
    await program.until(() => program.errors.endsWith(closed));
    assert.is(program.errors.split(closed)[0]!.slice(-'opened /echo/ from 127.0.0.1\n'.length),
      'opened /echo/ from 127.0.0.1\n');
  }
  await using broken = await RawClient.connect(port);
  await broken.upgrade('/echo/');
  broken.sendFrame(0x3, '');
  broken.socket.end();
  await program.until(() => program.errors.endsWith('with 1006: unknown opcode 3; messages in 0, out 0\n'));
  program.child.kill('SIGINT');
  assert.is((await program.end()).code, 0);
});

served('what it refuses is a line on the standard error', async () => {
  await using program = new Run(['serve', '--port', '0']);
  const port = Number((await program.address()).port);
  const origin = { Origin: 'http://evil.example' };
  assert.is((await httpRequest(port, upgradeRequest('/echo/', origin))).status, 403);
  assert.is((await httpRequest(port, 'GET /none HTTP/1.1\r\nHost: a\r\n\r\n')).status, 404);
  assert.is((await httpRequest(port, upgradeRequest('/echo/', origin))).status, 403);
  await program.until(() => program.errors.split('\n').length > 3);
  program.child.kill('SIGTERM');
  const [first, second, third, end] = (await program.end()).errors.split('\n');
  assert.match(first!, /^refused GET "\/echo\/" from 127\.0\.0\.1 with 403 ORIGIN_REFUSED: /);
  assert.match(second!, /^refused GET "\/none" from 127\.0\.0\.1 with 404 NOT_FOUND: /);
  assert.equal([third, end], [first, 'closing; press Ctrl-C again to stop at once']);
});

served.run();
