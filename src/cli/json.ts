// JSON for reading: a value on several lines, with colours on a terminal. Each token stays as the peer wrote it.
import { printable } from './printable.js';

/** A string, or what stands between two of them: a name of a value, a number, a mark. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[-+.\w]+|[[\]{}:,]/g;

/** Deeper values stand no further to the right: a peer may nest half a million. */
const MAX_INDENTATION = 40;

/** SGR codes of a terminal: cyan for names, green for texts, yellow for the rest. */
const COLOURS = { name: 36, text: 32, other: 33 };

/**
 * @param isColoured whether a terminal shows it, for which control characters are made visible, too.
 * @returns `null` if the text is no JSON.
 */
export function formatJson(text: string, isColoured: boolean): string | null {
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  const tokens = text.match(TOKEN)!;
  const colour = (code: number, token: string): string =>
    isColoured ? `\x1b[${code}m${printable(token)}\x1b[m` : token;
  let formatted = '';
  let depth = 0;
  const breakLine = (): string => `\n${' '.repeat(Math.min(2 * depth, MAX_INDENTATION))}`;
  for (const [index, token] of tokens.entries()) {
    const next = tokens[index + 1];
    if (token === '{' || token === '[') {
      depth++;
      formatted += token;
      if (next !== '}' && next !== ']') formatted += breakLine();
    } else if (token === '}' || token === ']') {
      depth--;
      const before = tokens[index - 1];
      formatted += before === '{' || before === '[' ? token : breakLine() + token;
    } else if (token === ',') {
      formatted += token + breakLine();
    } else if (token === ':') {
      formatted += ': ';
    } else {
      const kind = !token.startsWith('"') ? 'other' : next === ':' ? 'name' : 'text';
      formatted += colour(COLOURS[kind], token);
    }
  }
  return formatted;
}
