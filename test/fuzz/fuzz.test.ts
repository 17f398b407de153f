// Runs every fuzzer for a while, each in a process of its own, and proves that findings are found and told.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { Random } from '../frame/random.js';
import { isLight } from '../runner/exceptions.js';
import { requirePeer, suite } from '../runner/suite.js';
import { checkInput, runCampaign } from './campaign.js';
import {
  answerErrors, bodyErrors, clientErrors, connectErrors, frameErrors, proxyErrors, requestErrors, responseErrors,
  upgradeErrors,
} from './documented.js';
import { mutate } from './mutate.js';
import { Finding, type Target } from './target.js';
import { targets } from './targets.js';

/** In CI twenty seconds for each, on one version of Node.js; elsewhere enough to find what is broken plainly. */
const isLong = process.env['CI'] === 'true' && !isLight;
const limits = isLong ? ['--seconds', '20'] : ['--seconds', '1', '--count', '20000'];
/** Until the last has had its turn, on a machine that does other things too, in milliseconds. */
const PATIENCE = 900_000;

const command = fileURLToPath(new URL('run.js', import.meta.url));
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

async function run(...parameters: string[]): Promise<Outcome> {
  const child = spawn(process.execPath, ['--enable-source-maps', command, ...parameters]);
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)));
  const [code] = (await once(child, 'close')) as [number | null];
  running.delete(child);
  return { code, output };
}

const outcomes = new Map<string, Promise<Outcome>>();

/** Each fuzzer begins when the one before it has ended, however long the test of another takes. */
function start(): void {
  let before: Promise<unknown> = Promise.resolve();
  for (const { name, obstacle } of targets) {
    if (obstacle !== null) continue;
    const outcome = before.then(() => run(...limits, name));
    outcomes.set(name, outcome);
    before = outcome;
  }
}

const fuzz = suite('fuzz', { timeout: PATIENCE });

fuzz.before(start);

for (const { name, obstacle } of targets) {
  fuzz(name, async () => {
    requirePeer(obstacle === null, obstacle ?? '');
    const { code, output } = await outcomes.get(name)!;
    assert.is(code, 0, output);
    assert.match(output, new RegExp(`^pass ${name}: [1-9]\\d* inputs in .* a second, seed \\d+$`, 'm'));
  });
}

fuzz.run();

const documents = suite('fuzz: the documented errors');

const all = {
  ...answerErrors, ...bodyErrors, ...clientErrors, ...connectErrors, ...frameErrors, ...proxyErrors, ...requestErrors,
  ...responseErrors, ...upgradeErrors,
};
const reference = readFileSync(new URL('../../../docs/api.md', import.meta.url), 'utf8');

for (const [code, number] of Object.entries(all)) {
  documents(`${code} ${number}`, () => {
    const rows = reference.split('\n').filter((line) => line.startsWith('|') && line.includes(`\`${code}\``));
    assert.ok(rows.length > 0, `no table of docs/api.md has ${code}`);
    // A code may stand in several rows; those of what `connect` rejects with have no number.
    const isStated = rows.some((row) => row.startsWith(`| ${number} |`) || row.startsWith('| `'));
    assert.ok(isStated, `docs/api.md does not have ${code} with ${number}`);
  });
}

documents.run();

const machine = suite('fuzz: a finding');

/** Breaks for every input with a 0x2a before a 0x2b. */
const broken: Target = {
  name: 'broken',
  concurrency: 8,
  obstacle: null,
  corpus: [Buffer.from('harmless')],
  generate: (random: Random) => random.bytes(200),
  check(input) {
    const star = input.indexOf(0x2a);
    if (star !== -1 && input.includes(0x2b, star)) throw new Finding('no star before a plus', 'there is one');
  },
};

machine('is minimized, and repeated from its seed', async () => {
  const { failure } = await runCampaign(broken, { seed: 1, count: 10_000 });
  assert.is(failure?.input.toString('hex'), '2a2b');
  const again = await runCampaign(broken, { seed: failure!.seed!, count: 1 });
  assert.is(again.failure?.input.toString('hex'), '2a2b');
  assert.instance(await checkInput(broken, failure!.input, failure!.cutSeed), Finding);
});

machine('in the corpus comes before all others', async () => {
  const { failure, inputs } = await runCampaign({ ...broken, corpus: [Buffer.from('-*+-')] }, { seed: 1, count: 10 });
  assert.equal([failure?.seed, failure?.input.toString(), inputs], [null, '*+', 1]);
});

machine('may be a rejection', async () => {
  const check = async (input: Buffer): Promise<void> => broken.check(input, null as never);
  const { failure } = await runCampaign({ ...broken, check }, { seed: 1, count: 10_000 });
  assert.is(failure?.input.toString('hex'), '2a2b');
});

machine('none', async () => {
  const { failure, inputs } = await runCampaign({ ...broken, check: () => {} }, { seed: 1, count: 1000 });
  assert.equal([failure, inputs], [null, 1001]);
});

machine('the same inputs come from the same seed, and different ones from another', async () => {
  const inputsOf = async (seed: number): Promise<string[]> => {
    const inputs: string[] = [];
    const check = (input: Buffer): void => void inputs.push(input.toString('hex'));
    await runCampaign({ ...broken, check }, { seed, count: 100 });
    return inputs.slice(1);
  };
  const [first, second, other] = [await inputsOf(7), await inputsOf(7), await inputsOf(1007)];
  assert.equal(first, second);
  assert.is(new Set([...first, ...other]).size, 200);
});

machine('makes the command fail, and an input can be repeated', async () => {
  const fine = await run('--input', '01 8105 48656c6c6f', '--seed', '1', 'frames');
  assert.equal([fine.code, fine.output], [0, 'pass frames\n']);
  const unknown = await run('no-such-target');
  assert.is(unknown.code, 1);
  assert.match(unknown.output, /targets: request-head, /);
});

machine('is not looked for while a target loads: an error there ends the process', async () => {
  const campaign = new URL('campaign.js', import.meta.url).href;
  const script = `import ${JSON.stringify(campaign)}; throw new Error('while loading');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'ignore' });
  assert.equal(await once(child, 'close'), [1, null]);
});

machine.run();

const damage = suite('fuzz: mutate');

damage('leaves half of the inputs as they are, and those it is given alone', () => {
  const original = Buffer.from('some bytes to damage');
  const random = new Random(3);
  const results = Array.from({ length: 1000 }, () => mutate(original, random, [Buffer.from('+')]).toString('latin1'));
  const unchanged = results.filter((text) => text === 'some bytes to damage').length;
  assert.ok(unchanged > 400 && unchanged < 700, `${unchanged} of 1000 are unchanged`);
  assert.ok(new Set(results).size > 300);
  assert.is(original.toString(), 'some bytes to damage');
});

damage.run();
