// The few numbers that a bench makes of its samples.

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which that part of the values lies. */
export function quantile(values: Iterable<number>, part: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted.length === 0 ? NaN : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

/** What one variant costs in relation to another, from rounds in which both ran one after the other. */
export interface Ratio {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

/** Round by round, so that what slows the machine for a while slows both. */
export function ratio(values: readonly number[], others: readonly number[]): Ratio {
  const ratios = values.map((value, round) => value / others[round]);
  return { median: median(ratios), lowest: Math.min(...ratios), highest: Math.max(...ratios) };
}

export function formatRatio({ median, lowest, highest }: Ratio): string {
  return `${median.toFixed(2)} (${lowest.toFixed(2)}–${highest.toFixed(2)})`;
}
