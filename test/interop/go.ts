// Go with Debian's packages, whose sources are in a GOPATH of their own.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requirePeer } from '../runner/suite.js';
import { requireProgram } from './programs.js';

const GO = '/usr/bin/go';

const PACKAGES = '/usr/share/gocode';

/** The libraries: the path of their import, and the package of Debian. */
const libraries = {
  gorilla: { path: 'github.com/gorilla/websocket', packageName: 'golang-github-gorilla-websocket-dev' },
  nhooyr: { path: 'nhooyr.io/websocket', packageName: 'golang-nhooyr-websocket-dev' },
} as const;

/** Compiles the peer of a library and returns the command that starts it; ends the test if there is no such library. */
export function compileGo(library: keyof typeof libraries): readonly string[] {
  const { path, packageName } = libraries[library];
  requireProgram(GO, 'golang-go');
  requirePeer(existsSync(join(PACKAGES, 'src', path)), `${path} is missing: apt-get install ${packageName}`);
  // From the compiled file to the source folder.
  const cwd = fileURLToPath(new URL('../../../test/interop/', import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), 'twobyte-go-'));
  process.on('exit', () => rmSync(folder, { recursive: true }));
  const program = join(folder, library);
  const args = ['build', '-o', program, 'go-peer.go', `go-${library}.go`];
  const env = {
    ...process.env,
    GO111MODULE: 'off',
    GOPATH: PACKAGES,
    GOFLAGS: '',
    GOCACHE: join(tmpdir(), 'twobyte-go-cache'),
  };
  const { status, stderr } = spawnSync(GO, args, { cwd, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`go build failed: ${stderr}`);
  return [program];
}
