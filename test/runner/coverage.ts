// Finds what no test has run, by what V8 counts in every process of a test for `NODE_V8_COVERAGE`.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** What V8 tells of a script: its functions and the blocks in them, each after what it is in. */
interface Script {
  readonly url: string;
  readonly functions: { readonly ranges: { startOffset: number; endOffset: number; count: number }[] }[];
}

/** Whether nothing of a compiled file would run. */
export function isOnlyTypes(compiled: string): boolean {
  return compiled.replace(/\/\*[^]*?\*\/|\/\/.*$/gm, '').trim() === 'export {};';
}

/** Whether a script is one of a page: no test runs it, as a browser does. */
export function isOfPage(path: string): boolean {
  return /(?:^|[\\/])pages[\\/]/.test(path);
}

/**
 * Returns what is not run of the compiled files of a folder, each line of code with its place.
 * @param counts the folder that `NODE_V8_COVERAGE` named.
 */
export function findGaps(folder: string, counts: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const paths = names.filter((name) => name.endsWith('.js') && !isOfPage(name)).map((name) => resolve(folder, name));
  /** By the address of each script, its text, of which every character that has run becomes a space. */
  const missed = new Map(paths.map((path) => [pathToFileURL(path).href, readFileSync(path, 'utf8')]));
  for (const name of readdirSync(counts)) {
    const { result } = JSON.parse(readFileSync(join(counts, name), 'utf8')) as { readonly result: Script[] };
    for (const { url, functions } of result) {
      const text = missed.get(url);
      if (text === undefined) continue;
      const isRun = new Uint8Array(text.length);
      for (const { startOffset, endOffset, count } of functions.flatMap(({ ranges }) => ranges)) {
        isRun.fill(Math.min(count, 1), startOffset, endOffset);
      }
      missed.set(url, text.replace(/./g, (character, at: number) => (isRun[at] ? ' ' : character)));
    }
  }
  return [...missed].flatMap(([url, text]) => (isOnlyTypes(text) ? [] : tellPlaces(fileURLToPath(url), text)));
}

/** The places in the sources of the lines that were missed, but for those that follow a `c8 ignore next`. */
function tellPlaces(path: string, missed: string): string[] {
  const map = existsSync(`${path}.map`) ? new SourceMap(JSON.parse(readFileSync(`${path}.map`, 'utf8'))) : null;
  return missed.split('\n').flatMap((line, index) => {
    // An empty function has nothing to run.
    if (line.replaceAll('() => { }', '').trim() === '') return [];
    const entry = map?.findEntry(index, line.search(/\S/));
    const isMapped = entry !== undefined && 'originalSource' in entry;
    const source = isMapped ? resolve(dirname(path), entry.originalSource) : path;
    const number = isMapped ? entry.originalLine : index;
    const before = readFileSync(source, 'utf8').split('\n')[number - 1] ?? '';
    return before.includes('/* c8 ignore next --') ? [] : [`${relative('.', source)}:${number + 1}: ${line.trim()}`];
  });
}
