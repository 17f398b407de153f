// `twobyte connect` in a pipe: what it sends and prints, how long it stays, and how it ends.
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { suite } from '../runner/suite.js';
import { startDemo } from '../support/demo.js';
import type { RawClient } from '../support/peers/raw-client.js';
import { RawServer, readRequest } from '../support/peers/raw-server.js';
import { program, Run, run, type Ending } from './harness.js';

const TEXT = 0x1;
const BINARY = 0x2;
const CLOSE = 0x8;
const PING = 0x9;

/** An unmasked Close frame with 1000. */
const CLOSE_1000 = Buffer.from('880203e8', 'hex');

/** A run that is connected to a server whose every byte the test decides. */
async function converse(
  args: readonly string[],
  talk: (peer: RawClient, program: Run) => Promise<void>,
): Promise<Ending> {
  await using server = await RawServer.listen();
  await using program = new Run(['connect', `ws://127.0.0.1:${server.port}/chat?room=1`, ...args]);
  const { peer } = await server.acceptUpgrade();
  await talk(peer, program);
  peer.socket.end();
  return await program.end();
}

/** Reads the ping behind the last message, and answers it. */
async function answerPing(peer: RawClient): Promise<void> {
  const { opcode, payload } = await peer.readFrame();
  assert.is(opcode, PING);
  peer.sendFrame(0xa, payload, { maskingKey: null });
}

async function answerClose(peer: RawClient): Promise<void> {
  const { opcode, payload } = await peer.readFrame();
  assert.equal([opcode, payload.toString('hex')], [CLOSE, '03e8']);
  peer.write(CLOSE_1000);
}

/** 32 MiB in lines of 64 KiB: more than `maxBufferedBytes`, at which a connection is cut. */
const MUCH = `${'0123456789abcdef'.repeat(4096)}\n`.repeat(512);

const echoed = suite('cli/connect: against the echo');

const peaceful = { code: 0, signal: null, errors: 'connected\nclosed with 1000\n' };

const exchanges: readonly [name: string, args: readonly string[], input: string, output: string][] = [
  ['lines', [], 'a\nb\n', 'a\nb\n'],
  ['no line', [], '', ''],
  ['an empty line, and one without an ending', [], '\nGrüße, 你好', '\nGrüße, 你好\n'],
  ['commands are for terminals', [], '/ping\n//\n/close\nb\n', '/ping\n//\n/close\nb\n'],
  ['to a pipe, text goes as it is', [], '\x1b[2J\rx\n', '\x1b[2J\rx\n'],
  ['binary is written as it is', ['--binary'], 'a\n\nbc', 'abc'],
  ['messages instead of the input', ['--execute', 'a\nb', '--execute=', '--execute', '/c'], 'x\n', 'a\nb\n\n/c\n'],
  ['binary messages instead of the input', ['--binary', '--execute', 'é'], '', 'é'],
];

for (const [name, args, input, output] of exchanges) {
  echoed(name, async () => {
    await using demo = await startDemo();
    const ending = await run(['connect', `ws://127.0.0.1:${demo.port}/echo/`, ...args], {}, input);
    assert.equal(ending, { ...peaceful, output });
  });
}

echoed('32 MiB', async () => {
  await using demo = await startDemo();
  const { code, output } = await run(['connect', `ws://127.0.0.1:${demo.port}/echo/`], {}, MUCH);
  assert.is(code, 0);
  const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
  assert.is(digest(output), digest(MUCH));
});

echoed('when nobody reads the output any more, it ends quietly', async () => {
  await using demo = await startDemo();
  await using program = new Run(['connect', `ws://127.0.0.1:${demo.port}/echo/`]);
  program.child.stdin!.write('a\n');
  await program.until(() => program.output === 'a\n');
  program.child.stdout!.destroy();
  program.child.stdin!.write('b\n');
  assert.equal(await program.end(), { code: 0, signal: null, output: 'a\n', errors: 'connected\n' });
});

echoed('when the server closes, it ends while the input is still open', async () => {
  await using demo = await startDemo();
  await using program = new Run(['connect', `ws://127.0.0.1:${demo.port}/websocket/`]);
  program.child.stdin!.write('only one\n');
  assert.equal(await program.end(), { ...peaceful, output: 'only one\n' });
});

echoed.run();

const exchanged = suite('cli/connect: messages');

for (const [args, opcode] of [[[], TEXT], [['--binary'], BINARY]] as const) {
  exchanged(`each line is a message: ${args}`, async () => {
    await converse(args, async (peer, program) => {
      program.child.stdin!.end(Buffer.from('61c3a90a0a62', 'hex'));
      for (const payload of ['61c3a9', '', '62']) {
        const frame = await peer.readFrame();
        assert.equal([frame.opcode, frame.payload.toString('hex')], [opcode, payload]);
      }
      peer.write(CLOSE_1000);
    });
  });
}

exchanged('bytes that are no UTF-8 stay as they are in a binary message only', async () => {
  for (const [args, payload] of [[[], 'efbfbd'], [['--binary'], 'ff']] as const) {
    await converse(args, async (peer, program) => {
      program.child.stdin!.end(Buffer.from('ff0a', 'hex'));
      assert.is((await peer.readFrame()).payload.toString('hex'), payload);
      peer.write(CLOSE_1000);
    });
  }
});

exchanged('no more is read than the server takes', async () => {
  const ending = await converse(['--wait', '0'], async (peer, program) => {
    peer.socket.pause();
    program.child.stdin!.end(MUCH);
    // Whoever reads on is cut off within this time; whoever waits would wait for ever.
    await Promise.race([program.end(), delay(1000)]);
    peer.socket.resume();
    for (let count = 0; count < 512; count++) assert.is((await peer.readFrame()).payload.length, 65_536);
    await answerPing(peer);
    await answerClose(peer);
  });
  assert.equal(ending, { ...peaceful, output: '' });
});

const received: readonly [name: string, args: readonly string[], opcode: number, payload: Buffer, output: string][] = [
  ['text', [], TEXT, Buffer.from('Grüße\n'), 'Grüße\n\n'],
  ['binary', [], BINARY, Buffer.from('00ff0a', 'hex'), '[binary, length 3] 00ff0a\n'],
  ['empty binary', [], BINARY, Buffer.alloc(0), '[binary, length 0] \n'],
  ['binary with --binary', ['--binary'], BINARY, Buffer.from('\0\n'), '\0\n'],
  ['text with --binary', ['--binary'], TEXT, Buffer.from('text'), 'text\n'],
  ['JSON with --json', ['--json'], TEXT, Buffer.from('{"a":[1]}'), '{\n  "a": [\n    1\n  ]\n}\n'],
  ['another text with --json', ['--json'], TEXT, Buffer.from('{a'), '{a\n'],
];

for (const [name, args, opcode, payload, output] of received) {
  exchanged(`printed: ${name}`, async () => {
    const ending = await converse(args, async (peer) => {
      peer.sendFrame(opcode, payload, { maskingKey: null });
      peer.write(CLOSE_1000);
    });
    assert.equal(ending, { ...peaceful, output });
  });
}

exchanged.run();

const stayed = suite('cli/connect: how long it stays');

stayed('until a second has passed without a message', async () => {
  const ending = await converse(['--execute', 'ask'], async (peer) => {
    assert.is((await peer.readFrame()).payload.toString(), 'ask');
    await answerPing(peer);
    for (const answer of ['one', 'two']) peer.sendFrame(TEXT, answer, { maskingKey: null });
    const sentAt = performance.now();
    await answerClose(peer);
    // Never less; how much more is up to the machine. 10 ms are for timers that differ.
    assert.ok(performance.now() - sentAt >= 990);
  });
  assert.equal(ending, { ...peaceful, output: 'one\ntwo\n' });
});

stayed('--wait 0: until the server has received all', async () => {
  const ending = await converse(['--wait', '0'], async (peer, program) => {
    program.child.stdin!.end('tell\n');
    assert.is((await peer.readFrame()).payload.toString(), 'tell');
    peer.sendFrame(TEXT, 'told', { maskingKey: null });
    await answerPing(peer);
    await answerClose(peer);
  });
  assert.equal(ending, { ...peaceful, output: 'told\n' });
});

stayed('--wait: no longer than the connection', async () => {
  const ending = await converse(['--wait', '86400', '--execute', 'ask'], async (peer, program) => {
    assert.is((await peer.readFrame()).payload.toString(), 'ask');
    await answerPing(peer);
    peer.sendFrame(TEXT, 'answer', { maskingKey: null });
    await program.until(() => program.output === 'answer\n');
    peer.write(CLOSE_1000);
  });
  assert.equal(ending, { ...peaceful, output: 'answer\n' });
});

stayed('--once: until the first message, however long it takes', async () => {
  const ending = await converse(['--once'], async (peer, program) => {
    program.child.stdin!.end();
    await answerPing(peer);
    // Without --once, it would close after a second.
    await delay(1200);
    for (const message of ['one', 'two']) peer.sendFrame(TEXT, message, { maskingKey: null });
    await answerClose(peer);
  });
  assert.equal(ending, { ...peaceful, output: 'one\n' });
});

stayed('--once: though the input goes on', async () => {
  const ending = await converse(['--once'], async (peer) => {
    peer.sendFrame(TEXT, 'one', { maskingKey: null });
    await answerClose(peer);
  });
  assert.equal(ending, { ...peaceful, output: 'one\n' });
});

stayed.run();

const ended = suite('cli/connect: how it ends');

const ended4001 = 'twobyte: the connection has ended with close code 4001';

const closes: readonly [name: string, frame: string, code: number, told: string][] = [
  ['1000', '880203e8', 0, 'closed with 1000'],
  ['1000 and a reason', '880503e8627965', 0, 'closed with 1000: bye'],
  ['1001', '880203e9', 0, 'closed with 1001'],
  ['no code', '8800', 0, 'closed with 1005'],
  ['4001', '88020fa1', 1, ended4001],
  ['4001 and a reason', '88050fa1627965', 1, `${ended4001}: bye`],
  ['a reason that a terminal would obey', '88060fa11b5b324a', 1, `${ended4001}: ␛[2J`],
  ['a reason of two lines', '88050fa1610a62', 1, `${ended4001}: a`],
  ['1011', '880203f3', 1, 'twobyte: the connection has ended with close code 1011'],
  ['nothing', '', 1, 'twobyte: the connection has ended with close code 1006'],
];

for (const [name, frame, code, told] of closes) {
  ended(`the server closes with ${name}`, async () => {
    const ending = await converse([], async (peer) => peer.write(Buffer.from(frame, 'hex')));
    assert.equal(ending, { code, signal: null, output: '', errors: `connected\n${told}\n` });
  });
}

ended('a message over --max-message-bytes', async () => {
  const ending = await converse(['--max-message-bytes', '5'], async (peer) => {
    peer.sendFrame(TEXT, 'Hello', { maskingKey: null });
    peer.sendFrame(TEXT, 'Hello!', { maskingKey: null });
    const { opcode, payload } = await peer.readFrame();
    assert.equal([opcode, payload.readUInt16BE(0)], [CLOSE, 1009]);
  });
  assert.equal([ending.code, ending.output], [1, 'Hello\n']);
  assert.match(ending.errors, /^connected\ntwobyte: the connection has ended with close code 1006: message over .*\n$/);
});

for (const how of ['ends', 'resets'] as const) {
  ended(`a server that ${how} TCP instead of answering the Close of a session that is over`, async () => {
    await using server = await RawServer.listen();
    await using program = new Run(['connect', `ws://127.0.0.1:${server.port}/`, '--execute', 'all', '--wait', '0']);
    const { peer } = await server.acceptUpgrade();
    assert.is((await peer.readFrame()).payload.toString(), 'all');
    await answerPing(peer);
    assert.is((await peer.readFrame()).opcode, CLOSE);
    if (how === 'ends') peer.socket.end();
    else peer.socket.resetAndDestroy();
    const errors = 'connected\nclosed, which the server did not answer\n';
    assert.equal(await program.end(), { code: 0, signal: null, output: '', errors });
  });
}

ended('a Close that the server answers with another code', async () => {
  const { code, errors } = await converse(['--execute', 'all', '--wait', '0'], async (peer) => {
    assert.is((await peer.readFrame()).payload.toString(), 'all');
    await answerPing(peer);
    assert.is((await peer.readFrame()).opcode, CLOSE);
    peer.write(Buffer.from('880203f3', 'hex'));
  });
  assert.equal([code, errors], [1, 'connected\ntwobyte: the connection has ended with close code 1011\n']);
});

ended('a server that ends TCP while it is asked whether it has received all', async () => {
  const { code, errors } = await converse(['--execute', 'all'], async (peer) => {
    assert.is((await peer.readFrame()).payload.toString(), 'all');
    assert.is((await peer.readFrame()).opcode, PING);
  });
  assert.equal([code, errors], [1, 'connected\ntwobyte: the connection has ended with close code 1006\n']);
});

const answers: readonly [name: string, answer: string, sentence: string][] = [
  ['a body', '403 Forbidden\r\nContent-Length: 15\r\n\r\nnot here\nsorry\n', 'status 403: not here'],
  ['no body', '503 Busy\r\nContent-Length: 0\r\n\r\n', 'status 503'],
  ['a body that a terminal would obey', '400 No\r\nContent-Length: 4\r\n\r\n\x1b[2J', 'status 400: ␛[2J'],
  ['a redirect', '302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n', 'status 302 to /there'],
];

for (const [name, answer, sentence] of answers) {
  ended(`refused with ${name}`, async () => {
    await using server = await RawServer.listen();
    await using program = new Run(['connect', `ws://127.0.0.1:${server.port}/`]);
    const peer = await server.accept();
    await readRequest(peer);
    peer.write(`HTTP/1.1 ${answer}`);
    const errors = `twobyte: the server answered with ${sentence}\n`;
    assert.equal(await program.end(), { code: 1, signal: null, output: '', errors });
  });
}

for (const [name, redirection, sentence] of [
  ['an output that takes nothing', '> /dev/full', 'the standard output cannot be written (ENOSPC)'],
  ['an input that is open for writing only', '0> /dev/null', 'the standard input cannot be read (EBADF)'],
] as const) {
  ended(`${name} ends the conversation`, async () => {
    await using server = await RawServer.listen();
    const command = [process.execPath, program, 'connect', `ws://127.0.0.1:${server.port}/`];
    await using started = new Run(['-c', `exec "$@" ${redirection}`, 'sh', ...command], {}, 'sh');
    const { peer } = await server.acceptUpgrade();
    peer.sendFrame(TEXT, 'Hello', { maskingKey: null });
    await answerClose(peer);
    peer.socket.end();
    const { code, errors } = await started.end();
    assert.equal([code, errors], [1, `connected\ntwobyte: ${sentence}\n`]);
  });
}

ended('a server that does not answer, and --timeout', async () => {
  await using server = await RawServer.listen();
  const ending = await run(['connect', `ws://127.0.0.1:${server.port}/`, '--timeout', '0.05']);
  const errors = 'twobyte: no connection within 50 milliseconds\n';
  assert.equal(ending, { code: 1, signal: null, output: '', errors });
});

const mistakes: readonly [args: string, sentence: string][] = [
  ['', 'a URL is missing, such as ws://127.0.0.1:8000/echo/'],
  ['ws://127.0.0.1/ ws://127.0.0.2/', 'there is one URL too many: "ws://127.0.0.2/"'],
  ['nonsense', '"nonsense" is no URL; write it as ws://127.0.0.1:8000/echo/'],
  ['http://127.0.0.1/', 'a WebSocket URL begins with ws: or wss:, not http:'],
  ['ws://127.0.0.1/#here', 'a WebSocket URL has no fragment; remove #'],
  // Port 1 is kept for a service that nobody runs.
  ['ws://127.0.0.1:1/', 'cannot connect to 127.0.0.1:1 (ECONNREFUSED); check the URL, and that the server runs'],
  ['ws://127.0.0.1/ --prot 1', "Unknown option '--prot'; see twobyte connect --help"],
  ['ws://127.0.0.1/ --execute', "Option '--execute <value>' argument missing; see twobyte connect --help"],
  ['ws://127.0.0.1/ --header Cookie', "a header is written 'Name: value', not \"Cookie\""],
  ['ws://127.0.0.1/ --subprotocol a,b', 'the subprotocol "a,b" is not a token'],
  ['ws://127.0.0.1/ --wait 1s', '--wait must be seconds from 0 to 2147483, not "1s"'],
  ['ws://127.0.0.1/ --timeout=-1', '--timeout must be seconds from 0 to 2147483, not "-1"'],
];

for (const [args, sentence] of mistakes) {
  ended(`${args}: one sentence and exit code 1`, async () => {
    const ending = await run(['connect', ...args.split(' ').filter(Boolean)]);
    assert.equal(ending, { code: 1, signal: null, output: '', errors: `twobyte: ${sentence}\n` });
  });
}

ended('a header field of two lines', async () => {
  const { code, output, errors } = await run(['connect', 'ws://127.0.0.1/', '--header', 'X-A: b\r\nX-C: d']);
  assert.equal([code, output], [1, '']);
  assert.match(errors, /^twobyte: [^\n]+\n$/);
});

ended.run();
