// The command `npm run fuzz`: runs the fuzzers, tells how fast they were, and how to repeat what they found.
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { describe } from '../runner/suite.js';
import { hex } from '../support/codec/cuts.js';
import { checkInput, runCampaign, type CampaignOptions, type Failure } from './campaign.js';
import type { Target } from './target.js';
import { targets } from './targets.js';

const usage = `npm run fuzz -- [--minutes N | --seconds N] [--count N] [--seed S] [target ...]
npm run fuzz -- --input HEX --seed S target

targets: ${targets.map(({ name }) => name).join(', ')}; all unless some are named, each for the whole time (10 seconds).
`;

async function main(): Promise<boolean> {
  const { values, positionals } = parseArgs({
    options: {
      minutes: { type: 'string' },
      seconds: { type: 'string' },
      count: { type: 'string' },
      seed: { type: 'string' },
      input: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const unknown = positionals.filter((name) => !targets.some((target) => target.name === name));
  const numbers = [values.minutes, values.seconds, values.count, values.seed];
  const isMistaken = unknown.length > 0 || numbers.some((text) => text !== undefined && !/^\d+(?:\.\d+)?$/.test(text));
  if (values.help || isMistaken) {
    console.log(usage);
    return values.help;
  }
  const chosen = targets.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const seed = Number(values.seed ?? randomInt(2 ** 31));
  if (values.input !== undefined) return repeat(chosen, hex(values.input), seed);
  const count = Number(values.count ?? Infinity);
  const seconds = Number(values.seconds ?? Number(values.minutes ?? NaN) * 60);
  const milliseconds = Number.isNaN(seconds) ? (count === Infinity ? 10_000 : Infinity) : seconds * 1000;
  let isFine = true;
  for (const target of chosen) isFine = (await fuzz(target, { seed, milliseconds, count })) && isFine;
  return isFine;
}

async function fuzz(target: Target, options: CampaignOptions): Promise<boolean> {
  if (target.obstacle !== null) {
    console.log(`SKIPPED ${target.name}: ${target.obstacle}`);
    return process.env['CI'] !== 'true';
  }
  const { inputs, milliseconds, failure } = await runCampaign(target, options);
  const rate = Math.round((inputs / milliseconds) * 1000);
  const figures = `${inputs} inputs in ${(milliseconds / 1000).toFixed(1)} s, ${rate} a second, seed ${options.seed}`;
  console.log(`${failure === null ? 'pass' : 'FAIL'} ${target.name}: ${figures}`);
  if (failure !== null) console.log(report(target, failure));
  return failure === null;
}

function report({ name }: Target, { error, seed, input, cutSeed }: Failure): string {
  return [
    `  target ${name}, seed ${seed ?? 'none: of the corpus'}`,
    `  ${describe(error)}`,
    `  minimized to ${input.length} bytes: ${JSON.stringify(input.toString('latin1'))}`,
    `  input ${input.toString('hex')}`,
    `  repeat it: npm run fuzz -- --input ${input.toString('hex') || "''"} --seed ${cutSeed} ${name}`,
    ...(seed === null ? [] : [`  or as found: npm run fuzz -- --count 1 --seed ${seed} ${name}`]),
  ].join('\n');
}

async function repeat(chosen: readonly Target[], input: Buffer, seed: number): Promise<boolean> {
  let isFine = true;
  for (const target of chosen) {
    const error = await checkInput(target, input, seed);
    console.log(error === null ? `pass ${target.name}` : `FAIL ${target.name}\n  ${describe(error)}`);
    isFine &&= error === null;
  }
  return isFine;
}

// Until all has gone well, for an error that is taken for one of an input.
process.exitCode = 1;
if (await main()) process.exitCode = 0;
