// `twobyte connect` at a terminal: a pseudo-terminal that Python opens, and the screen that a person would see.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { RawClient } from '../support/peers/raw-client.js';
import { RawServer } from '../support/peers/raw-server.js';
import { requireProgram } from '../interop/programs.js';
import { PYTHON } from '../interop/python.js';
import { requirePeer, suite } from '../runner/suite.js';
import { program, Run } from './harness.js';

/** Debian's own, as in test/interop. */

/** Gives the command behind it a terminal, between its own standard streams. */
const OPEN_TERMINAL = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';

const COLUMNS = 40;

/** What a terminal shows for the bytes that a program wrote: the control sequences of readline's, and no others. */
function showScreen(output: string): string[] {
  const rows: string[][] = [[]];
  let row = 0;
  let column = 0;
  for (const [token, parameter, letter] of output.matchAll(/\x1b\[(\d*)([A-Z])|[^]/gu)) {
    const count = Number(parameter || 1);
    if (letter === 'A') row = Math.max(0, row - count);
    else if (letter === 'B') row += count;
    else if (letter === 'C') column += count;
    else if (letter === 'D') column = Math.max(0, column - count);
    else if (letter === 'G') column = count - 1;
    else if (letter === 'J' && parameter === '0') {
      rows[row]!.splice(column);
      rows.splice(row + 1);
    } else if (letter === 'K' && parameter === '0') rows[row]!.splice(column);
    else if (token === '\r') column = 0;
    else if (token === '\n') row++;
    else if (token < ' ') throw new Error(`unknown control sequence in ${JSON.stringify(output)}`);
    else {
      if (column === COLUMNS) [row, column] = [row + 1, 0];
      rows[row] ??= [];
      while (rows[row]!.length < column) rows[row]!.push(' ');
      rows[row]![column++] = token;
    }
    rows[row] ??= [];
  }
  const lines = Array.from(rows, (cells = []) => cells.join('').trimEnd());
  while (lines.at(-1) === '') lines.pop();
  return lines;
}

/** A person who looks at the screen and types. */
class Person implements AsyncDisposable {
  readonly run: Run;

  /** @param state the folder for the history; nothing can be kept in this file. */
  constructor(url: string, args: readonly string[] = [], state: string = program) {
    const size = ['sh', '-c', `stty cols ${COLUMNS} rows 20 && exec "$@"`, 'sh'];
    const command = [...size, process.execPath, program, 'connect', url, ...args];
    this.run = new Run(['-c', OPEN_TERMINAL, ...command], { TERM: 'xterm', XDG_STATE_HOME: state }, PYTHON);
  }

  type(keys: string): void {
    this.run.child.stdin!.write(keys);
  }

  /** Waits until the screen shows these lines and nothing else. */
  async sees(...lines: string[]): Promise<void> {
    try {
      await this.run.until(() => showScreen(this.run.output).join('\n') === lines.join('\n'));
    } catch {
      assert.equal(showScreen(this.run.output), lines);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run[Symbol.asyncDispose]();
  }
}

interface Scene extends AsyncDisposable {
  readonly person: Person;
  readonly peer: RawClient;
  /** The server says something. */
  say(text: string): void;
  /** What the person's next message is. */
  hear(): Promise<string>;
}

async function open(args?: readonly string[], state?: string): Promise<Scene> {
  const server = await RawServer.listen();
  const person = new Person(`ws://127.0.0.1:${server.port}/`, args, state);
  const { peer } = await server.acceptUpgrade();
  return {
    person,
    peer,
    say: (text) => peer.sendFrame(0x1, text, { maskingKey: null }),
    async hear() {
      const { opcode, payload } = await peer.readFrame();
      return `${opcode} ${payload}`;
    },
    async [Symbol.asyncDispose]() {
      await person[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** The line before the last. */
const UP = '\x1b[A\x1b[A';
const CTRL_C = '\x03';
const CTRL_D = '\x04';
const LEFT = '\x1b[D';

const typed = suite('cli/terminal');

typed.before(() => {
  requireProgram(PYTHON, 'python3');
  const { status } = spawnSync(PYTHON, ['-c', 'import os, pty; os.waitstatus_to_exitcode']);
  requirePeer(status === 0, `${PYTHON} is older than 3.9`);
});

typed('lines are sent, and messages are shown with a mark', async () => {
  await using scene = await open();
  const { person, say, hear } = scene;
  await person.sees('connected', '>');
  person.type('Hello\r');
  assert.is(await hear(), '1 Hello');
  say('Grüße');
  await person.sees('connected', '> Hello', '< Grüße', '>');
  scene.peer.sendFrame(0x2, Buffer.from([1, 2]), { maskingKey: null });
  await person.sees('connected', '> Hello', '< Grüße', '< [binary, length 2] 0102', '>');
});

typed('a message does not garble the line that is being typed, nor the place of the cursor', async () => {
  await using scene = await open();
  const { person, say, hear } = scene;
  await person.sees('connected', '>');
  person.type('half');
  await person.sees('connected', '> half');
  say('in between');
  await person.sees('connected', '< in between', '> half');
  person.type(`${LEFT}${LEFT}_`);
  await person.sees('connected', '< in between', '> ha_lf');
  say('again');
  await person.sees('connected', '< in between', '< again', '> ha_lf');
  person.type('\r');
  assert.is(await hear(), '1 ha_lf');
});

typed('nor a line of several rows', async () => {
  await using scene = await open();
  const { person, say, hear } = scene;
  await person.sees('connected', '>');
  person.type('a'.repeat(100));
  const long = [`> ${'a'.repeat(38)}`, 'a'.repeat(40), 'a'.repeat(22)];
  await person.sees('connected', ...long);
  say('b'.repeat(50));
  await person.sees('connected', `< ${'b'.repeat(38)}`, 'b'.repeat(12), ...long);
  say('c');
  await person.sees('connected', `< ${'b'.repeat(38)}`, 'b'.repeat(12), '< c', ...long);
  person.type('\r');
  assert.is(await hear(), `1 ${'a'.repeat(100)}`);
});

typed('a message cannot command the terminal', async () => {
  await using scene = await open();
  await scene.person.sees('connected', '>');
  scene.say('\x1b[2J\x07\rx\ny');
  await scene.person.sees('connected', '< ␛[2J␇␍x', 'y', '>');
});

typed('commands', async () => {
  await using scene = await open();
  const { person, hear } = scene;
  await person.sees('connected', '>');
  person.type('//path\r');
  assert.is(await hear(), '1 /path');
  person.type('/pong now\r');
  person.type('/ping\r');
  const { opcode, payload } = await scene.peer.readFrame();
  assert.is(opcode, 0x9);
  scene.peer.sendFrame(0xa, payload, { maskingKey: null });
  await person.run.until(() => /round trip: \d+\.\d ms/.test(person.run.output));
  assert.match(person.run.output, 'there is no command /pong; write /help, or //pong to send it');
  person.type('/help\r');
  await person.run.until(() => person.run.output.includes('  //TEXT                   sends /TEXT'));
  person.type('/close 999\r');
  await person.run.until(() => person.run.output.includes('999 is no close code to send'));
  person.type('/close 4000 so  long\r');
  assert.is((await scene.peer.readFrame()).payload.toString('hex'), `0fa0${Buffer.from('so  long').toString('hex')}`);
  scene.peer.write(Buffer.from('88020fa0', 'hex'));
  scene.peer.socket.end();
  assert.is((await person.run.end()).code, 1);
});

typed('what was typed is there in the next session, and nothing else is kept', async () => {
  const state = mkdtempSync(join(tmpdir(), 'twobyte-'));
  try {
    for (const keys of ['first\r', UP]) {
      await using scene = await open([], state);
      const { person, peer } = scene;
      await person.sees('connected', '>');
      scene.say('of the server');
      await person.sees('connected', '< of the server', '>');
      person.type(keys);
      await person.sees('connected', '< of the server', '> first', ...(keys === UP ? [] : ['>']));
      person.type(`${keys === UP ? '\r' : ''}/close\r`);
      assert.is(await scene.hear(), '1 first');
      assert.is((await peer.readFrame()).opcode, 0x8);
      peer.write(Buffer.from('880203e8', 'hex'));
      peer.socket.end();
      assert.is((await person.run.end()).code, 0);
    }
    assert.is(readFileSync(join(state, 'twobyte/history'), 'utf8'), 'first\n/close\n');
  } finally {
    rmSync(state, { recursive: true });
  }
});

typed('/close alone closes with 1000', async () => {
  await using scene = await open();
  const { person, peer } = scene;
  await person.sees('connected', '>');
  person.type('/close\r');
  assert.is((await peer.readFrame()).payload.toString('hex'), '03e8');
  peer.write(Buffer.from('880203e8', 'hex'));
  peer.socket.end();
  assert.is((await person.run.end()).code, 0);
  await person.sees('connected', '> /close', 'closed with 1000');
});

typed('Ctrl-D ends the input', async () => {
  await using scene = await open(['--wait', '0']);
  const { person, peer } = scene;
  await person.sees('connected', '>');
  person.type(CTRL_D);
  const { opcode, payload } = await peer.readFrame();
  assert.is(opcode, 0x9);
  scene.say('late');
  peer.sendFrame(0xa, payload, { maskingKey: null });
  assert.is((await peer.readFrame()).payload.toString('hex'), '03e8');
  peer.write(Buffer.from('880203e8', 'hex'));
  peer.socket.end();
  assert.is((await person.run.end()).code, 0);
  await person.sees('connected', '< late', 'closed with 1000');
});

typed('Ctrl-C closes with 1000 and removes the typed line; the second stops at once', async () => {
  await using scene = await open();
  const { person, peer } = scene;
  await person.sees('connected', '>');
  person.type('never mind');
  await person.sees('connected', '> never mind');
  person.type(CTRL_C);
  assert.is((await peer.readFrame()).payload.toString('hex'), '03e8');
  await person.sees('connected', 'closing; press Ctrl-C again to stop at o', 'nce');
  person.type(CTRL_C);
  // Python tells a signal as a negative code, of which an exit code keeps eight bits.
  assert.is((await person.run.end()).code, 256 - 2);
});

typed('after one Ctrl-C, the answer of the server ends it', async () => {
  await using scene = await open();
  const { person, peer } = scene;
  await person.sees('connected', '>');
  person.type(CTRL_C);
  assert.is((await peer.readFrame()).payload.toString('hex'), '03e8');
  peer.write(Buffer.from('880203e8', 'hex'));
  peer.socket.end();
  assert.is((await person.run.end()).code, 0);
  await person.sees('connected', 'closing; press Ctrl-C again to stop at o', 'nce', 'closed with 1000');
});

typed('when the server closes, the typed line goes and the exit code tells', async () => {
  await using scene = await open();
  const { person, peer } = scene;
  await person.sees('connected', '>');
  person.type('too late');
  await person.sees('connected', '> too late');
  peer.write(Buffer.from('88020fa1', 'hex'));
  peer.socket.end();
  assert.is((await person.run.end()).code, 1);
  await person.sees('connected', 'twobyte: the connection has ended with c', 'lose code 4001');
});

typed.run();
