// Finds the TypeScript programs in a Markdown document, and what the document says that each of them does.
//
// A fence of `ts` holds a complete program. Right before it, a comment that readers do not see tells either what the
// program prints until it ends by itself:
//
//     <!-- prints: hello -->
//
// or, if it is a server on port 8000, what to expect of it, one connection per line or up to the next semicolon:
//
//     <!-- expect: GET /echo/?message=hi 200 "hi"; WS /echo/ > "one" < "one" > "two" < "two"
//     POST /upload { "Authorization": "Basic eA==" } > "body" 201
//     WS /websocket/ > "one" < "one" 1000
//     WS /private 401 -->
//
// Header fields of the request may follow the path. `>` sends a body or a text message, `<` receives a message. At the
// end stands the status and perhaps the body, or the close code if it is the server that closes.
// A server runs until the next one of the document starts, so that a printing program below it may connect to it.

import { httpRequest, RawClient, upgradeRequest } from './peers/raw-client.js';

/** One connection to a server, and what it must answer. */
export interface Step {
  /** The method and the target. */
  name: string;
  /** An HTTP method, or `WS`. */
  method: string;
  target: string;
  headers: Record<string, string>;
  /** What is said in turn: messages, or the bodies of the request and the response. */
  dialogue: Saying[];
  /** The status or the close code. */
  code: number | null;
}

interface Saying {
  readonly by: 'client' | 'server';
  readonly text: string;
}

/** One program; `problem` tells why it cannot be tested. */
export interface Snippet {
  /** The document and the line of the fence. */
  readonly name: string;
  readonly code: string;
  readonly prints: string | null;
  readonly steps: readonly Step[];
  readonly problem: string | null;
}

/** Every `ts` fence of a Markdown text, in order. */
export function extractSnippets(document: string, text: string): Snippet[] {
  const snippets: Snippet[] = [];
  const lines = text.split('\n');
  for (let index = 0; index < lines.length; index++) {
    const [, indentation, fence, language] = /^(\s*)(`{3,}|~{3,})\s*(\w*)/.exec(lines[index] ?? '') ?? [];
    if (fence === undefined) continue;
    const start = index;
    while (++index < lines.length && !lines[index]!.trim().startsWith(fence));
    if (!/^(?:[cm]?ts|typescript)$/i.test(language ?? '')) continue;
    const code = `${lines.slice(start + 1, index).join('\n')}\n`;
    const isPlain = !indentation && fence === '```' && language === 'ts';
    snippets.push({
      name: `${document}:${start + 1}`,
      code,
      prints: null,
      steps: [],
      problem: isPlain ? null : 'write the fence as ```ts at the beginning of a line',
      ...(isPlain && readExpectation(lines.slice(0, start).join('\n'), code)),
    });
  }
  return snippets;
}

function readExpectation(before: string, code: string): Partial<Snippet> {
  const [, kind, content = ''] = /<!--\s*(prints|expect):((?:(?!-->)[^])*)-->\s*$/.exec(before) ?? [];
  if (kind === 'prints') return { prints: content.trim() };
  if (kind !== 'expect') return { problem: 'say in a comment before the fence what it prints or what to expect' };
  if (!/\b8000\b/.test(code)) return { problem: 'a server listens on port 8000' };
  try {
    const steps = parseSteps(content);
    return steps.length > 0 ? { steps } : { problem: 'there is nothing to expect' };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}

const TOKEN = /([A-Z]+) (\/[^\s;]*)|(\{[^}]*\})|([<>])? *("(?:[^"\\]|\\.)*")|(\d+)|[;\s]+/y;

/** A method and a target begin a step, so that the semicolons are only for the eye. */
function parseSteps(text: string): Step[] {
  const steps: Step[] = [];
  for (let position = 0; position < text.length; position = TOKEN.lastIndex) {
    TOKEN.lastIndex = position;
    const [token, method, target = '', headers, sign, saying, code] = TOKEN.exec(text) ?? [];
    if (method) steps.push({ name: `${method} ${target}`, method, target, headers: {}, dialogue: [], code: null });
    const step = steps.at(-1);
    if (token === undefined || (!step && token.trim() !== '')) {
      throw new Error(`this cannot be understood: ${text.slice(position).trim()}`);
    }
    if (headers) step!.headers = JSON.parse(headers) as Step['headers'];
    if (saying) step!.dialogue.push({ by: sign === '>' ? 'client' : 'server', text: JSON.parse(saying) as string });
    if (code) step!.code = Number(code);
  }
  const vague = steps.find(({ method, dialogue, code }) => code === null && (method !== 'WS' || dialogue.length === 0));
  if (vague) throw new Error(`what does it answer to ${vague.name}?`);
  return steps;
}

/** Makes the connection that a step describes; rejects if it goes otherwise. */
export async function performStep(step: Step, port: number): Promise<void> {
  const isUpgrade = step.method === 'WS' && (step.code === null || step.code >= 1000);
  await (isUpgrade ? converse(step, port) : request(step, port));
}

async function request(step: Step, port: number): Promise<void> {
  const { name, dialogue, code } = step;
  const response = await httpRequest(port, requestText(step));
  assertSame(`${name}: status`, response.status, code);
  const body = dialogue.find(({ by }) => by === 'server');
  if (body) assertSame(`${name}: body`, response.body.toString(), body.text);
}

function requestText({ method, target, headers, dialogue }: Step): string {
  if (method === 'WS') return upgradeRequest(target, headers);
  const body = Buffer.from(dialogue.find(({ by }) => by === 'client')?.text ?? '');
  const fields = { Host: '127.0.0.1', Connection: 'close', 'Content-Length': `${body.length}`, ...headers };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n${body.toString('latin1')}`;
}

async function converse({ name, target, headers, dialogue, code }: Step, port: number): Promise<void> {
  await using client = await RawClient.connect(port);
  await client.upgrade(target, headers);
  for (const { by, text } of dialogue) {
    if (by === 'client') client.sendFrame(1, text);
    else assertSame(`${name}: message`, await readMessage(client), text);
  }
  if (code === null) client.sendFrame(8, Buffer.from([0x03, 0xe8]));
  assertSame(`${name}: end`, await readMessage(client), code ?? 1000);
}

/** The text of a message, or the code of a Close frame. */
async function readMessage(client: RawClient): Promise<string | number> {
  const { opcode, payload } = await client.readFrame();
  if (opcode === 9) return await readMessage(client);
  if (opcode === 8) return payload.length >= 2 ? payload.readUInt16BE() : 1005;
  return payload.toString();
}

function assertSame(what: string, actual: unknown, expected: unknown): void {
  if (actual === expected) return;
  throw new Error(`${what}\nexpected: ${JSON.stringify(expected)}\nreceived: ${JSON.stringify(actual)}`);
}
