// Finds what no test runs: V8 counts in every process, and c8 maps the counts back to the sources.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { relative, resolve } from 'node:path';

export interface Coverage {
  readonly files: number;
  readonly lines: number;
  readonly branches: number;
  /** What no test runs, such as `src/errors.ts:7 is not run`. */
  readonly gaps: readonly string[];
  /** The comments by which what follows need not be run, with their places; each says why. */
  readonly exceptions: readonly string[];
}

/** What we use of c8, which has no types, and of the coverage of istanbul that it makes. */
interface C8 {
  Report: new (options: object) => { getCoverageMapFromAllCoverageFiles(): Promise<CoverageMap> };
}
interface CoverageMap {
  files(): string[];
  fileCoverageFor(path: string): FileCoverage;
}
interface Place {
  readonly start: { readonly line: number };
}
interface FileCoverage {
  /** How often the places of each branch were run. */
  readonly b: Readonly<Record<string, readonly number[]>>;
  readonly branchMap: Readonly<Record<string, { readonly locations: readonly Place[] }>>;
  /** How often each function was called that has a name. */
  readonly f: Readonly<Record<string, number>>;
  readonly fnMap: Readonly<Record<string, { readonly name: string; readonly loc: Place }>>;
  getUncoveredLines(): string[];
  toSummary(): Readonly<Record<'lines' | 'branches', { readonly total: number }>>;
}

/** c8 is installed there, seen from the compiled file. */
const interop = new URL('../../../test/interop/package.json', import.meta.url);

/** Whether nothing of a compiled file would run. */
export function isOnlyTypes(compiled: string): boolean {
  return compiled.replace(/\/\*[^]*?\*\/|\/\/.*$/gm, '').trim() === 'export {};';
}

/** Whether a script is one of a page: no test runs it, as a browser does. */
export function isOfPage(path: string): boolean {
  return /(?:^|[\\/])pages[\\/]/.test(path);
}

/**
 * Judges the compiled files of a folder.
 * @param counts the folder that `NODE_V8_COVERAGE` named.
 * @throws if c8 is not installed, or could not make sense of a file.
 */
export async function readCoverage(folder: string, counts: string): Promise<Coverage> {
  const { Report } = createRequire(interop)('c8') as C8;
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const scripts = paths.filter((path) => path.endsWith('.js') && !isOfPage(path));
  const compiled = scripts.map((path) => resolve(folder, path));
  const wanted = compiled.filter((path) => !isOnlyTypes(readFileSync(path, 'utf8')));
  const map = await new Report({
    tempDirectory: counts,
    include: wanted,
    exclude: [],
    allowExternal: true,
    // Files too that no process has loaded.
    all: true,
    src: [resolve(folder)],
    resolve: '',
  }).getCoverageMapFromAllCoverageFiles();
  const files = map.files().sort();
  // c8 passes over what it can't read.
  if (files.length !== wanted.length) throw new Error(`c8 tells of ${files.length} files, not of ${wanted.length}`);

  const summaries = files.map((path) => map.fileCoverageFor(path).toSummary());
  const total = (kind: 'lines' | 'branches'): number => summaries.reduce((sum, each) => sum + each[kind].total, 0);
  return {
    files: files.length,
    lines: total('lines'),
    branches: total('branches'),
    gaps: files.flatMap((path) => findGaps(map.fileCoverageFor(path)).map((gap) => relative('.', path) + gap)),
    exceptions: files.flatMap((path) => findExceptions(path).map((exception) => relative('.', path) + exception)),
  };
}

function findGaps(coverage: FileCoverage): string[] {
  const { b, branchMap, f, fnMap } = coverage;
  // The first thing that is found of a line is said of it.
  const gaps = new Map(coverage.getUncoveredLines().map((line) => [Number(line), 'is not run']));
  const add = ({ start: { line } }: Place, gap: string): void => void (gaps.has(line) || gaps.set(line, gap));
  for (const [key, { name, loc }] of Object.entries(fnMap)) {
    if (f[key] === 0) add(loc, `has ${name}, which is not called`);
  }
  for (const [key, { locations }] of Object.entries(branchMap)) {
    for (const [index, place] of locations.entries()) {
      if (b[key]![index] === 0) add(place, 'has a branch that is not taken');
    }
  }
  return [...gaps].sort(([line], [other]) => line - other).map(([line, gap]) => `:${line} ${gap}`);
}

function findExceptions(path: string): string[] {
  const lines = readFileSync(path, 'utf8').split('\n').map((line, index) => `:${index + 1} ${line.trim()}`);
  return lines.filter((line) => /\/\* (?:[cv]8 ignore|node:coverage)/.test(line));
}
