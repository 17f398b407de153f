// Where the parts of the benches lie that are not compiled, seen from the compiled files.
import { fileURLToPath } from 'node:url';

/** The path of a file of `bench/`. */
export function benchPath(path: string): string {
  return fileURLToPath(new URL(`../../../bench/${path}`, import.meta.url));
}
