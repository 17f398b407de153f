// Times variants of one job in turn, so that a busy machine slows all of them, and prints the ratio of the medians.

const ROUNDS = 15;
/** Long enough to be above the clock's grain, short enough that the variants meet the same machine. */
const ROUND_MILLISECONDS = 20;

export type Variants = Readonly<Record<string, () => void>>;

/**
 * Prints a line of a Markdown table: nanoseconds per call of each variant (median of the rounds), and how long the
 * first takes in relation to each other.
 * @returns the nanoseconds by the name of the variant.
 */
export function compare(job: string, variants: Variants): Record<string, number> {
  const entries = Object.entries(variants).map(([name, run]) => {
    return { name, run, calls: calibrate(run), times: new Array<number>() };
  });
  for (let round = 0; round < ROUNDS; round++) {
    for (const { run, calls, times } of entries) times.push(time(run, calls));
  }
  const medians = entries.map(({ name, times }) => [name, median(times)] as const);
  const [, first] = medians[0];
  const cells = medians.map(([name, nanoseconds]) => `${name} ${nanoseconds.toFixed(0)}`);
  const ratios = medians.slice(1).map(([name, nanoseconds]) => `${name} ${(first / nanoseconds).toFixed(2)}`);
  console.log(`| ${job} | ${cells.join(', ')} | ${ratios.join(', ')} |`);
  return Object.fromEntries(medians);
}

/** How many calls fill a round, found while the code gets warm. */
function calibrate(run: () => void): number {
  for (let calls = 1; ; calls *= 2) {
    const nanoseconds = time(run, calls) * calls;
    if (nanoseconds > ROUND_MILLISECONDS * 1e6) return calls;
  }
}

function time(run: () => void, calls: number): number {
  const start = process.hrtime.bigint();
  for (let call = 0; call < calls; call++) run();
  return Number(process.hrtime.bigint() - start) / calls;
}

function median(values: number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1];
}
