// `npm run bench -- NAME`: runs one bench, or names those there are.
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const helper = /^(?:run|compare|chart|model|packages)/;
const names = readdirSync(folder).flatMap((file) => (helper.test(file) ? [] : (/^(\w+)\.js$/.exec(file)?.[1] ?? [])));
const [name = ''] = process.argv.slice(2);

if (names.includes(name) && existsSync(`${folder}${name}.js`)) {
  await import(`./${name}.js`);
} else {
  console.error(`usage: npm run bench -- ${names.join(' | ')}`);
  process.exitCode = 1;
}
