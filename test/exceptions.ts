// What the tests leave out on a runtime other than Node.js, and why: all that CI does not prove of it stands here.

interface Exception {
  /** Why it can't be run there. */
  readonly reason: string;
  /** The files whose path begins so. */
  readonly files?: readonly string[];
  /** Tests: each the name of its suite and, behind a colon and a space, how its own begins. */
  readonly tests?: readonly string[];
}

const notTheLibrary: readonly Exception[] = [
  { files: ['bench/', 'run.test', 'support/coverage', 'package.test'], reason: 'it is no test of the library' },
  { files: ['cli'], reason: 'the command twobyte runs on Node.js' },
  { files: ['fuzz/', 'interop/'], reason: 'the peers talk to the library on Node.js' },
];

const exceptions: Readonly<Record<string, readonly Exception[]>> = {
  bun: notTheLibrary,
  deno: notTheLibrary,
};

const runtime = ['bun', 'deno'].find((name) => name in process.versions);
const ours = runtime === undefined ? [] : exceptions[runtime]!;

/**
 * Why a test is left out on this runtime; `null` if it is not.
 * @param place the name of its suite, or the path of a file if `test` is empty: then all of it is left out.
 */
export function exceptionOf(place: string, test: string): string | null {
  const isMeant = ({ files = [], tests = [] }: Exception): boolean =>
    test === ''
      ? files.some((path) => place.startsWith(path))
      : tests.some((name) => `${place}: ${test}`.startsWith(name));
  const found = ours.find(isMeant);
  return found === undefined ? null : `on ${runtime}, ${found.reason}`;
}
