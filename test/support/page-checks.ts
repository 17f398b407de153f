// What holds for every page of the demo: its parts fit together, nothing comes from elsewhere, its colours can be read.
import * as assert from 'uvu/assert';
import type { ReplyParts } from '../../src/server/reply.js';
import { suite } from '../runner/suite.js';

/** What a page promises. */
export interface Page {
  readonly name: string;
  readonly files: Readonly<Record<string, ReplyParts>>;
  readonly paths: { readonly html: string; readonly style: string };
  /** What the page refers to besides its own files. */
  readonly links: readonly string[];
  /** Pairs of colours and their contrast, in the light and in the dark palette. */
  readonly pairs: readonly (readonly [front: string, back: string, least: number])[];
}

export function textOf({ files }: Pick<Page, 'files'>, path: string): string {
  return String(files[path]!.body);
}

/** The first group of every match. */
export function all(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, group]) => group!);
}

/** The paths of the modules that its scripts import. */
function importsOf(page: Page): string[] {
  return Object.keys(page.files).flatMap((path) => {
    const names = all(textOf(page, path), /^import [^']*'([^']+)';$/gm);
    return names.map((name) => new URL(name, `http://localhost${path}`).pathname);
  });
}

/** Runs the checks as suites of their own. */
export function checkPage(page: Page): void {
  checkFiles(page);
  checkColours(page);
}

function checkFiles(page: Page): void {
  const html = textOf(page, page.paths.html);
  const files = suite(`${page.name}: the files`);

  files('whatever the page refers to is served', () => {
    const references = [...all(html, /(?:href|src|action)="([^"?]*)/g), ...importsOf(page)];
    const parts = Object.keys(page.files).filter((path) => path !== page.paths.html);
    assert.equal(new Set(references), new Set([...parts, ...page.links]));
  });

  files('nothing comes from elsewhere', () => {
    for (const path of Object.keys(page.files)) {
      const text = textOf(page, path).replace(' xmlns="http://www.w3.org/2000/svg"', '');
      assert.not.match(text, /\/\/[A-Za-z0-9]|\burl\(|@import\s+[^{\s]|\bimport\(|data:/, path);
    }
  });

  files('nothing is inline that the policy forbids', () => {
    assert.not.match(html, /<script(?![^>]* src=)|<style| style=| on[a-z]+=/i);
  });

  files('no id is given twice', () => {
    const ids = all(html, / id="([^"]*)"/g);
    assert.equal(ids, [...new Set(ids)]);
  });

  files('each element is closed', () => {
    const open: string[] = [];
    for (const [, slash, name] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)/g)) {
      if (['meta', 'link', 'img', 'input'].includes(name!)) continue;
      if (!slash) open.push(name!);
      else assert.is(open.pop(), name);
    }
    assert.equal(open, []);
  });

  files.run();
}

/** The relative luminance of a colour such as `#1a2230` (WCAG 2.2). */
function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((start) => {
    const part = parseInt(colour.slice(start, start + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

function contrast(one: string, other: string): number {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter! + 0.05) / (darker! + 0.05);
}

function checkColours(page: Page): void {
  const colours = suite(`${page.name}: the colours`);

  colours('the measure itself', () => {
    assert.is(contrast('#ffffff', '#000000'), 21);
    // The lightest grey that may be text on white.
    assert.ok(contrast('#767676', '#ffffff') >= 4.5 && contrast('#777777', '#ffffff') < 4.5);
  });

  const palettes = all(textOf(page, page.paths.style), /:root \{([^}]*)\}/g).map((block) => {
    return new Map([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name!, value!]));
  });

  for (const [index, theme] of ['light', 'dark'].entries()) {
    for (const [front, back, least] of page.pairs) {
      colours(`${theme}: ${front} on ${back}`, () => {
        const ratio = contrast(palettes[index]!.get(front)!, palettes[index]!.get(back)!);
        assert.ok(ratio >= least, `${ratio.toFixed(2)} is below ${least}`);
      });
    }
  }

  colours.run();
}
