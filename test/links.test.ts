// Each relative link in a document leads to a file that is there, and its anchor to a heading.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { suite } from './runner/suite.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** All Markdown files of the repository, by path. */
function findDocuments(folder = ''): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return /^(?:\.git|dist|node_modules)$/.test(entry.name) ? [] : findDocuments(path);
    return path.endsWith('.md') ? [path] : [];
  });
}

/** The anchors that GitHub makes of the headings: the same one again ends in a number. */
function anchorsOf(document: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of withoutCode(document).matchAll(/^#+ +(.+)$/gm)) {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = text.replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '').replaceAll(' ', '-');
    let unique = anchor;
    for (let number = 1; anchors.has(unique); number++) unique = `${anchor}-${number}`;
    anchors.add(unique);
  }
  return anchors;
}

function withoutCode(document: string): string {
  return document.replace(/^```[^]*?^```$/gm, '');
}

function findDeadLinks(path: string, document: string, read: (path: string) => string | null): string[] {
  return [...withoutCode(document).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
    if (/^[a-z]+:/.test(link)) return [];
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? document : read(join(dirname(path), decodeURIComponent(file)));
    const isAlive = target !== null && (anchor === undefined || anchorsOf(target).has(anchor));
    return isAlive ? [] : [`${path}: ${link}`];
  });
}

const links = suite('links');

links('each leads somewhere', () => {
  const documents = findDocuments();
  assert.ok(documents.includes('README.md'));
  assert.equal(documents.flatMap((path) => {
    return findDeadLinks(path, readFileSync(join(root, path), 'utf8'), (target) => {
      if (!existsSync(join(root, target))) return null;
      return target.endsWith('.md') ? readFileSync(join(root, target), 'utf8') : '';
    });
  }), []);
});

// A check that finds nothing would hold nothing.
links('dead ones are found', () => {
  const document = [
    '# One', '## `two(three?)` and *four*', '## One',
    '[a](#one)', '[b](#twothree-and-four)', '[c](#one-1)', '[d](#one-2)',
    '```', '# No heading', '[no link](nowhere)', '```', '[e](#no-heading)',
    '![f](../g.md#one) [h](i.md)', '[j](https://example.com/#k)', '[l](../g.md#m)',
  ].join('\n');
  const dead = findDeadLinks('docs/a.md', document, (path) => (path === 'g.md' ? '# One' : null));
  assert.equal(dead, ['docs/a.md: #one-2', 'docs/a.md: #no-heading', 'docs/a.md: i.md', 'docs/a.md: ../g.md#m']);
});

links.run();
