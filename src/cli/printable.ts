// Makes text from the peer fit for a terminal, which obeys what it is sent.

const MAX_LINE_LENGTH = 200;

/** The text with its control characters, but for tab and line feed, made visible: `␛` instead of an escape. */
export function printable(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (character) => {
    const code = character.charCodeAt(0);
    // Unicode's control pictures follow the order of ASCII, but for DEL; there are none for 0x80 to 0x9f.
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '\u2421' : '\ufffd';
  });
}

/** The first line of the text, or as much of it as a message of one line bears. */
export function firstLine(text: string): string {
  const [line = ''] = text.slice(0, MAX_LINE_LENGTH).trim().split(/\r?\n/, 1);
  return printable(line);
}
