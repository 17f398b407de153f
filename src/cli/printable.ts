// Makes text from the peer safe for a terminal, which obeys control characters.

const MAX_LINE_LENGTH = 200;

/** Makes control characters visible, except tab and line feed: an escape becomes `␛`. */
export function printable(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (character) => {
    const code = character.charCodeAt(0);
    // Unicode's control pictures follow the order of ASCII, except DEL. There are none for 0x80 to 0x9f.
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '\u2421' : '\ufffd';
  });
}

/** The first line of the text, cut to fit into a message of one line. */
export function firstLine(text: string): string {
  const [line = ''] = text.slice(0, MAX_LINE_LENGTH).trim().split(/\r?\n/, 1);
  return printable(line);
}
