// `twobyte connect --listen`: a server that prints what clients send, and sends them what the user writes.
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { suite } from '../runner/suite.js';
import { RawClient, httpRequest } from '../support/peers/raw-client.js';
import { Run, run } from './harness.js';

const test = suite('cli/listen');

async function portOf(program: Run): Promise<number> {
  await program.until(() => program.errors.includes('\n'));
  const [, port] = /^listening at ws:\/\/127\.0\.0\.1:(\d+)\/\n/.exec(program.errors)!;
  return Number(port);
}

async function open(port: number, path = '/'): Promise<RawClient> {
  const client = await RawClient.connect(port);
  await client.upgrade(path, { Origin: 'https://example.com' });
  return client;
}

async function hear(client: RawClient): Promise<string> {
  const { opcode, payload } = await client.readFrame();
  return `${opcode} ${payload}`;
}

async function leave(client: RawClient, code = '03e8'): Promise<void> {
  client.sendFrame(0x8, Buffer.from(code, 'hex'));
  await client.readToEnd();
  client.socket.end();
}

test('each line goes to all clients, and each message is printed', async () => {
  await using program = new Run(['connect', '--listen', '0']);
  const port = await portOf(program);
  await using first = await open(port, '/a?b=1');
  await using second = await open(port, '/c');
  await program.until(() => program.errors.includes('connected from 127.0.0.1: /c\n'));
  program.child.stdin!.write('hello\n');
  assert.equal([await hear(first), await hear(second)], ['1 hello', '1 hello']);
  first.sendFrame(0x1, 'one');
  await program.until(() => program.output === 'one\n');
  second.sendFrame(0x2, Buffer.from([1]));
  await program.until(() => program.output === 'one\n[binary, length 1] 01\n');
  await leave(first, '0fa1627965');
  await program.until(() => program.errors.includes('closed with 4001: bye\n'));
  await leave(second);
  await program.until(() => program.errors.includes('closed with 1000\n'));
  // The end of the input isn't the end of the server.
  program.child.stdin!.end();
  await using third = await open(port);
  third.sendFrame(0x1, 'still there');
  await program.until(() => program.output.endsWith('still there\n'));
  program.child.kill('SIGINT');
  assert.is((await third.readFrame()).payload.readUInt16BE(0), 1001);
  await leave(third, '03e9');
  const { code, errors } = await program.end();
  assert.is(code, 0);
  assert.match(errors, /^connected from 127\.0\.0\.1: \/a\n/m);
});

test('--execute is what each client gets at first, --binary and --json are as for a client', async () => {
  const args = ['--execute', 'a', '--execute', 'b', '--binary', '--json'];
  await using program = new Run(['connect', '--listen', '127.0.0.1:0', ...args]);
  await using client = await open(await portOf(program));
  assert.equal([await hear(client), await hear(client)], ['2 a', '2 b']);
  client.sendFrame(0x1, '[1]');
  await program.until(() => program.output === '[\n  1\n]\n');
  program.child.kill('SIGINT');
  await leave(client);
  assert.is((await program.end()).code, 0);
});

test('--once ends it after the first message', async () => {
  await using program = new Run(['connect', '--listen', '0', '--once']);
  await using client = await open(await portOf(program));
  client.sendFrame(0x1, 'one');
  client.sendFrame(0x1, 'two');
  assert.is((await client.readFrame()).payload.readUInt16BE(0), 1000);
  await leave(client);
  const { code, output } = await program.end();
  assert.equal([code, output], [0, 'one\n']);
});

test('what is no WebSocket is told of', async () => {
  await using program = new Run(['connect', '--listen', '0']);
  const port = await portOf(program);
  const { status } = await httpRequest(port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  assert.is(status, 426);
  await program.until(() => program.errors.includes('refused GET "/" from 127.0.0.1 with 426'));
  program.child.kill('SIGTERM');
  assert.is((await program.end()).code, 0);
});

test('an IPv6 address stands in brackets, on either side', async () => {
  await using program = new Run(['connect', '--listen', '[::1]:0']);
  await program.until(() => program.errors.includes('\n'));
  program.child.kill('SIGINT');
  await program.end();
  assert.match(program.errors, /^(?:listening at ws:\/\/\[::1\]:\d+\/|twobyte: cannot listen on port 0 of ::1 .*)\n/);
});

test('mistakes', async () => {
  const busy = createServer().listen(0, '127.0.0.1');
  await once(busy, 'listening');
  const { port } = busy.address() as AddressInfo;
  try {
    for (const [args, sentence] of [
      [['--listen', String(port)], `cannot listen on port ${port} of 127.0.0.1 (EADDRINUSE); choose another`],
      [['--listen', 'http'], 'the port must be a whole number from 0 to 65535, not "http"'],
      [['--listen', '65536'], 'the port must be a whole number from 0 to 65535, not "65536"'],
      [['--listen', '1', 'ws://a/'], 'a server has no URL; leave it out, or --listen'],
    ] as const) {
      const ending = await run(['connect', ...args]);
      assert.equal(ending, { code: 1, signal: null, output: '', errors: `twobyte: ${sentence}\n` });
    }
  } finally {
    busy.close();
  }
});

test.run();
