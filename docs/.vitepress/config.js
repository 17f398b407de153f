// The documents as a static site: `npm run build --prefix docs` fails for a dead link.
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The first heading of a document. */
function titleOf(path) {
  return /^# +(.+)$/m.exec(readFileSync(`${root}${path}`, 'utf8'))[1];
}

function page(path) {
  return { text: titleOf(path), link: `/${path.replace(/\.md$/, '')}` };
}

const howTo = readdirSync(`${root}docs/how-to`).map((name) => page(`docs/how-to/${name}`));

/** The anchor of a heading as GitHub makes it: the documents are read there, too. */
function slugify(heading) {
  return heading.toLowerCase().replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '').replaceAll(' ', '-');
}

/** Puts the programs that documents link to beside them. */
function copyPrograms(pages, folder) {
  for (const path of pages) {
    const text = readFileSync(join(root, path), 'utf8');
    for (const [, link] of text.matchAll(/[^!]\[[^\]]*\]\(([^):#]+\.(?:[jt]s|json))\)/g)) {
      const target = join(dirname(path), link);
      cpSync(join(root, target), join(folder, target));
    }
  }
}

/** The links between the pages that were built, with their anchors. */
function checkLinks(folder) {
  const paths = readdirSync(folder, { recursive: true }).filter((path) => path.endsWith('.html'));
  const pages = new Map(paths.map((path) => [join('/', path), readFileSync(join(folder, path), 'utf8')]));
  const dead = [...pages].flatMap(([path, html]) => {
    return [...html.matchAll(/<a [^>]*?href="([^"]+)"/g)].flatMap(([, link]) => {
      const { host, pathname, hash } = new URL(link, `http://site${path}`);
      const file = pathname.endsWith('/') ? `${pathname}index.html` : decodeURIComponent(pathname);
      const page = pages.get(file) ?? pages.get(`${file}.html`);
      if (host !== 'site' || (page === undefined && existsSync(join(folder, file)))) return [];
      const anchor = decodeURIComponent(hash.slice(1));
      return page !== undefined && (anchor === '' || page.includes(` id="${anchor}"`)) ? [] : [`${path}: ${link}`];
    });
  });
  if (dead.length > 0) throw new Error(`dead links:\n${[...new Set(dead)].join('\n')}`);
}

export default defineConfig({
  title: 'twobyte',
  description: 'A WebSocket library for Node.js, pulled like a queue',
  srcDir: '..',
  srcExclude: ['findings/**', 'test/**', 'src/**', 'dist/**'],
  outDir: './.vitepress/dist',
  cacheDir: './.vitepress/cache',
  // Folders have their README as the page.
  rewrites: {
    'README.md': 'index.md',
    ':folder/README.md': ':folder/index.md',
  },
  markdown: {
    anchor: { slugify },
    // As `rewrites` has it.
    config: (markdown) => markdown.core.ruler.before('inline', 'readme', ({ tokens }) => {
      for (const token of tokens) {
        token.content = token.content.replace(/\]\(((?:[\w./-]+\/)?)README\.md/g, (_, folder) => `](${folder || './'}index.md`);
      }
    }),
  },
  // The documents lie above the packages, where they would not be found.
  vite: { resolve: { alias: [{ find: /^vue(?=$|\/)/, replacement: join(root, 'docs/node_modules/vue') }] } },
  buildEnd({ pages, outDir }) {
    copyPrograms(pages, outDir);
    checkLinks(outDir);
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Guide', link: '/docs/guide' },
      { text: 'How to', link: '/docs/' },
      { text: 'Reference', link: '/docs/api' },
      { text: 'Examples', link: '/examples/' },
    ],
    sidebar: [
      { text: 'Guide', items: [{ text: 'What it is', link: '/' }, page('docs/guide.md')] },
      { text: 'How to', items: howTo },
      { text: 'Reference', items: [page('docs/api.md'), page('CHANGELOG.md'), { text: 'Examples', link: '/examples/' }] },
      { text: 'Proof', items: ['conformance', 'security', 'performance', 'polling'].map((name) => page(`docs/${name}.md`)) },
      { text: 'The project', items: [page('CONTRIBUTING.md'), page('SECURITY.md')] },
    ],
  },
});
