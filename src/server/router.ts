// Which route serves a path: exact paths, `:name` for one segment, `*` at the end for all the rest.
import { HttpError } from '../errors.js';

interface Pattern<T> {
  /** Literal segments as they are, `:name` for a parameter; a final `*` is not among them. */
  readonly segments: readonly string[];
  readonly hasRest: boolean;
  readonly isExact: boolean;
  readonly target: T;
}

/** One for all exact paths: an idle connection needs no hash table of its own (bench memory). */
const NO_PARAMETERS = Object.freeze(Object.create(null) as Record<string, string>);

export interface Match<T> {
  readonly target: T;
  /** The percent-decoded values of the `:names` and, under `*`, of the rest. */
  readonly params: Readonly<Record<string, string>>;
}

const PARAMETER = /^:[A-Za-z_]\w*$/;

/** Routes by path. Exact paths win; among patterns the one added first. */
export class Router<T> {
  /** What each path stands for that is found as it is; `null` for those that patterns tell. */
  readonly #paths = new Map<string, Match<T> | null>();
  /** The exact ones before the others; each part in the order of addition. */
  readonly #patterns: Pattern<T>[] = [];
  #exactCount = 0;

  /** @throws TypeError for a path that does not begin with `/`, is taken, or has a pattern that can't be read. */
  add(path: string, target: T): void {
    if (!path.startsWith('/')) throw new TypeError(`the path ${JSON.stringify(path)} must begin with "/"`);
    if (this.#paths.has(path)) throw new TypeError(`the path ${path} has a route already; remove one of them`);
    const segments = path.split('/');
    const hasRest = segments.at(-1) === '*';
    if (hasRest) segments.pop();
    for (const segment of segments) {
      if (segment.includes('*')) throw new TypeError(`in ${path}, "*" must be the whole last segment`);
      if (segment.startsWith(':') && !PARAMETER.test(segment)) {
        throw new TypeError(`in ${path}, "${segment}" must be ":" and a name of letters, digits and "_"`);
      }
    }
    const isExact = !hasRest && !segments.some(isParameter);
    this.#paths.set(path, isExact && !path.includes('%') ? { target, params: NO_PARAMETERS } : null);
    const place = isExact ? this.#exactCount++ : this.#patterns.length;
    this.#patterns.splice(place, 0, { segments, hasRest, isExact, target });
  }

  /**
   * @param path the path of a request target, still percent-encoded.
   * @throws HttpError 400 if its percent-encoding is broken.
   */
  match(path: string): Match<T> | null {
    const found = this.#paths.get(path);
    if (found) return found;
    const segments = path.split('/').map(decode);
    for (const pattern of this.#patterns) {
      const params = matchPattern(pattern, segments);
      if (params !== null) return { target: pattern.target, params };
    }
    return null;
  }
}

function isParameter(segment: string): boolean {
  return segment.startsWith(':');
}

function matchPattern(pattern: Pattern<unknown>, segments: readonly string[]): Record<string, string> | null {
  const { length } = pattern.segments;
  if (pattern.hasRest ? segments.length <= length : segments.length !== length) return null;
  // No prototype: a parameter may have any name.
  const params: Record<string, string> = pattern.isExact ? NO_PARAMETERS : Object.create(null);
  for (let index = 0; index < length; index++) {
    const expected = pattern.segments[index];
    if (!isParameter(expected)) {
      if (expected !== segments[index]) return null;
    } else {
      // An empty segment is no value for a name.
      if (segments[index] === '') return null;
      params[expected.slice(1)] = segments[index];
    }
  }
  if (pattern.hasRest) params['*'] = segments.slice(length).join('/');
  return params;
}

function decode(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new HttpError('PATH_INVALID', 400, 'the percent-encoding of the path is broken; encode it as UTF-8');
  }
}
