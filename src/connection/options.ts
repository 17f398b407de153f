// Checks the names of options: an unknown one, misspelt or another library's, would be ignored without a word.

/** An object with every name of `Options`: the compiler tells if one is missing or unknown. */
export type OptionNames<Options> = Readonly<Record<keyof Options, unknown>>;

/**
 * @param taker the function whose options these are, for the message
 * @throws TypeError for a name that is not known; it names the known one that is nearest.
 */
export function checkNames<Options extends object>(taker: string, options: Options, known: OptionNames<Options>): void {
  if (Object(options) !== options) throw new TypeError(`the options of ${taker} are an object, not ${String(options)}`);
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue;
    throw new TypeError(`${taker} has no option ${name}; the nearest one is ${findNearest(name, Object.keys(known))}`);
  }
}

/** What the package ws calls other than it is called here. */
const NAMES_OF_WS: Readonly<Record<string, string>> = {
  handshakeTimeout: 'timeout',
  handleProtocols: 'subprotocols',
  maxPayload: 'maxMessageBytes',
  maxRedirects: 'redirects',
  perMessageDeflate: 'deflate',
  verifyClient: 'authorize',
};

function findNearest(name: string, known: readonly string[]): string {
  const meant = Object.hasOwn(NAMES_OF_WS, name) ? NAMES_OF_WS[name]! : name;
  if (known.includes(meant)) return meant;
  const distances = known.map((other) => distance(name.toLowerCase(), other.toLowerCase()));
  return known[distances.indexOf(Math.min(...distances))]!;
}

/** How many characters must be added, removed or replaced to make one text the other (Levenshtein's distance). */
function distance(one: string, other: string): number {
  // Each row has the distances from a beginning of `one` to every beginning of `other`.
  let row = Array.from({ length: other.length + 1 }, (_, length) => length);
  for (let i = 0; i < one.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < other.length; j++) {
      const replaced = row[j]! + (one[i] === other[j] ? 0 : 1);
      next.push(Math.min(replaced, row[j + 1]! + 1, next[j]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}
