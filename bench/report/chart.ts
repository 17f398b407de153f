// A Vega-Lite specification → an SVG file.
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { benchPath } from '../packages.js';

/** What all charts look like; a specification may say otherwise. The white ground keeps them readable on dark pages. */
const config = {
  background: '#ffffff',
  font: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
  padding: 20,
  view: { stroke: null },
  title: {
    anchor: 'start', offset: 18, color: '#1a2230', fontSize: 18, fontWeight: 650, subtitleColor: '#566175',
    subtitleFontSize: 13, subtitlePadding: 6, subtitleLineHeight: 18, lineHeight: 22, frame: 'group',
  },
  axis: {
    labelColor: '#566175', titleColor: '#566175', labelFontSize: 12, titleFontSize: 12, titleFontWeight: 'normal',
    gridColor: '#e8ecf2', domainColor: '#b5bfcd', tickColor: '#b5bfcd', titlePadding: 10,
  },
  header: { labelFontSize: 13, labelFontWeight: 600, labelColor: '#1a2230', title: null },
  legend: { labelColor: '#1a2230', titleColor: '#566175', labelFontSize: 12, titleFontWeight: 'normal' },
};

/** The colour of each transport, the same in every chart. */
export const colours: Readonly<Record<string, string>> = {
  'Polling': '#c23d14',
  'Polling, 304': '#d97c5a',
  'Long polling': '#8f6200',
  'Streaming': '#0d766c',
  'WebSocket': '#2856c8',
};

interface TextItem {
  readonly fontSize?: number;
  readonly fontWeight?: number | string;
}

interface Vega {
  textMetrics: { width(item: TextItem, text: unknown): number };
  parse(spec: unknown): unknown;
  View: new (runtime: unknown, options: { renderer: 'none' }) => { toSVG(): Promise<string>; finalize(): void };
}

interface VegaLite {
  compile(spec: object): { spec: unknown };
}

/** Draws a Vega-Lite specification into an SVG file; its `config` goes before ours. */
export async function writeChart(path: string, spec: Readonly<Record<string, unknown>>): Promise<void> {
  const vega = (await load('vega/build/vega.module.js')) as Vega;
  const { compile } = (await load('vega-lite/build/index.js')) as VegaLite;
  vega.textMetrics.width = textWidth;
  const merged = { ...spec, config: { ...config, ...(spec['config'] as object | undefined) } };
  const view = new vega.View(vega.parse(compile(merged).spec), { renderer: 'none' });
  writeFileSync(path, `${await view.toSVG()}\n`);
  view.finalize();
}

/** Without a canvas Vega takes letters for much wider than they are, and leaves as much white. */
function textWidth({ fontSize = 11, fontWeight = 400 }: TextItem, text: unknown): number {
  const isBold = fontWeight === 'bold' || Number(fontWeight) >= 600;
  return String(text).length * fontSize * (isBold ? 0.6 : 0.55);
}

function load(file: string): Promise<unknown> {
  return import(pathToFileURL(benchPath(`node_modules/${file}`)).href);
}
