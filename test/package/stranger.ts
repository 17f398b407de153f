// An empty TypeScript project somewhere else, which installs the package from its tarball and runs programs with it.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { requirePeer } from '../runner/suite.js';
import { RawClient } from '../support/peers/raw-client.js';
import { performStep, type Snippet } from '../support/snippets.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const compiler = join(root, 'node_modules/typescript/bin/tsc');
const run = promisify(execFile);

/** What the package is made of, beside what is compiled; the pages stand as the build has copied them. */
const parts = [
  'package.json', 'index.cjs', 'index.d.cts', 'events.cjs', 'events.d.cts', 'README.md', 'CHANGELOG.md', 'LICENSE',
  'docs', 'dist/src/demo/pages',
];

/** How long a program may take to print all, or to listen, in milliseconds. */
const PATIENCE = 60_000;

const compilerOptions = {
  // Only types are taken away: a program must run as it stands there.
  target: 'esnext',
  module: 'nodenext',
  // Without it, a program that imports nothing would be a script.
  moduleDetection: 'force',
  types: ['node'],
  rootDir: '.',
  outDir: 'out',
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  skipLibCheck: false,
};

/** The project; `await using stranger = await Stranger.create()` takes it away again. */
export class Stranger {
  /** Where it is. */
  readonly folder: string;
  #server: { readonly document: string; readonly port: number; readonly program: Program } | null = null;
  #complaints: readonly string[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Packs the package as it is built now, and installs the tarball without a network. */
  static async create(): Promise<Stranger> {
    const stranger = new Stranger(await mkdtemp(join(tmpdir(), 'twobyte-stranger-')));
    try {
      await stranger.#install();
    } catch (error) {
      await stranger[Symbol.asyncDispose]();
      throw error;
    }
    return stranger;
  }

  async #install(): Promise<void> {
    // As `prepare` does, which would take away the files that run here.
    const source = join(this.folder, 'source');
    await run(process.execPath, [compiler, '-p', 'src', '--outDir', join(source, 'dist')], { cwd: root });
    for (const part of parts) await cp(join(root, part), join(source, part), { recursive: true });
    await npm(source, 'pack', '--ignore-scripts', '--pack-destination', this.folder);
    writeFileSync(join(this.folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
    writeFileSync(join(this.folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
    await npm(this.folder, 'install', '--offline', '--no-audit', '--no-fund', this.tarball);
    mkdirSync(join(this.folder, 'node_modules/@types'));
    symlinkSync(join(root, 'node_modules/@types/node'), join(this.folder, 'node_modules/@types/node'));
  }

  /** The path of the package as it would be published. */
  get tarball(): string {
    return join(this.folder, readdirSync(this.folder).find((name) => name.endsWith('.tgz'))!);
  }

  /** Type-checks and compiles the programs, all at once; `runSnippet` then rejects those that are wrong. */
  async compile(snippets: readonly Snippet[]): Promise<void> {
    for (const snippet of snippets) writeFileSync(join(this.folder, `${fileName(snippet)}.ts`), snippet.code);
    const { stdout } = await run(process.execPath, [compiler], { cwd: this.folder }).catch((error: unknown) => {
      return error as { readonly stdout: string };
    });
    // Each complaint is a line, and the indented ones below it.
    this.#complaints = stdout.split(/\n(?! )/).filter((complaint) => complaint !== '');
  }

  /** What the compiler finds wrong in the declarations of the package itself. */
  get foreignComplaints(): string[] {
    return this.#complaints.filter((complaint) => !complaint.startsWith('snippet-'));
  }

  /** Runs a compiled program, and rejects unless it does all that is said about it. */
  async runSnippet(snippet: Snippet): Promise<void> {
    if (snippet.problem) throw new Error(snippet.problem);
    const complaints = this.#complaints.filter((complaint) => complaint.startsWith(`${fileName(snippet)}.ts(`));
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
    if (snippet.prints === null) await this.#serve(snippet);
    else await this.#print(snippet, snippet.prints);
  }

  async #print(snippet: Snippet, expected: string): Promise<void> {
    const isClient = this.#server?.document === documentOf(snippet) && !/\.listen\(/.test(snippet.code);
    await using program = this.#start(snippet, isClient ? this.#server!.port : await findFreePort());
    const exitCode = await Promise.race([program.exitCode, delay(PATIENCE, 'none: still running', { ref: false })]);
    const printed = program.output.trim();
    if (exitCode === 0 && printed === expected) return;
    throw new Error(`expected it to print:\n${expected}\nit printed:\n${printed}\nand its exit code was ${exitCode}`);
  }

  async #serve(snippet: Snippet): Promise<void> {
    await this.#stopServer();
    const port = await findFreePort();
    const program = this.#start(snippet, port);
    this.#server = { document: documentOf(snippet), port, program };
    try {
      await program.waitUntilListening(port);
      for (const step of snippet.steps) await performStep(step, port);
    } catch (error) {
      throw new Error(`the server printed:\n${program.output}`, { cause: error });
    }
  }

  #start(snippet: Snippet, port: number): Program {
    const path = join(this.folder, 'out', `${fileName(snippet)}.js`);
    writeFileSync(path, readFileSync(path, 'utf8').replace(/\b8000\b/g, `${port}`));
    return new Program(path);
  }

  async #stopServer(): Promise<void> {
    await this.#server?.program[Symbol.asyncDispose]();
    this.#server = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stopServer();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A running program. */
class Program {
  /** What it has printed so far, errors too. */
  output = '';
  readonly exitCode: Promise<number | string>;
  readonly #child: ChildProcess;

  constructor(path: string) {
    const child = spawn(process.execPath, ['--enable-source-maps', path], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (part: string) => {
        this.output += part;
      });
    }
    this.#child = child;
    this.exitCode = once(child, 'close').then(([code, signal]: (number | string)[]) => signal ?? code!);
  }

  async waitUntilListening(port: number): Promise<void> {
    const deadline = Date.now() + PATIENCE;
    while (Date.now() < deadline && this.#child.exitCode === null) {
      try {
        await using _ = await RawClient.connect(port);
        return;
      } catch {
        await delay(20);
      }
    }
    throw new Error(`it does not listen; its exit code is ${this.#child.exitCode ?? 'none: still running'}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exitCode;
  }
}

/** Runs npm in a folder, quietly; rejects if it fails. */
export async function npm(folder: string, ...parameters: string[]): Promise<void> {
  // Not those that an outer `npm test` has set for its own package.
  const environment = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
  await run('npm', parameters, {
    cwd: folder,
    env: Object.fromEntries(environment),
    // As in build.js.
    shell: process.platform === 'win32',
  }).catch((error: NodeJS.ErrnoException) => {
    requirePeer(error.code !== 'ENOENT', 'npm is missing: it comes with Node.js');
    throw error;
  });
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function fileName({ name }: Snippet): string {
  return `snippet-${name.replace(/\W+/g, '-')}`;
}

function documentOf({ name }: Snippet): string {
  return name.slice(0, name.lastIndexOf(':'));
}
