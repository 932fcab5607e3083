/** A measure over time: seconds and values. */
export type Series = readonly (readonly [at: number, value: number])[];

/** How a measure went on in the second half of a soak. */
export interface Trend {
  readonly mean: number;
  /** By how much the fitted line grew over that half. */
  readonly growth: number;
}

/** Which value of a window's stands for it. */
export type OfWindow = (values: readonly number[]) => number;

/** For memory: what a collection leaves, not what piles up before it. */
export const least: OfWindow = (values) => Math.min(...values);

/** For all that nothing piles up in, such as lateness: one good sample of a minute hides nothing. */
export const median: OfWindow = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [below = 0, above = 0] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return (below + above) / 2;
};

/** The line through one value of each of `windows` equal windows of the second half. */
export function trendOf(series: Series, windows: number, ofWindow: OfWindow): Trend {
  const end = series.at(-1)?.[0] ?? 0;
  const half = end / 2;
  const values = new Map<number, number[]>();
  for (const [at, value] of series) {
    if (at < half) continue;
    const window = Math.min(windows - 1, Math.floor(((at - half) / half) * windows));
    values.set(window, [...(values.get(window) ?? []), value]);
  }
  const points = [...values].map(([window, all]) => [(window + 0.5) / windows, ofWindow(all)] as const);
  const mean = points.reduce((sum, [, value]) => sum + value, 0) / points.length;
  const middle = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const spread = points.reduce((sum, [x]) => sum + (x - middle) ** 2, 0);
  const slope = points.reduce((sum, [x, value]) => sum + (x - middle) * (value - mean), 0) / spread;
  return { mean, growth: points.length < 2 ? 0 : slope };
}

const heights = "▁▂▃▄▅▆▇█";

/** A measure as one line of text, from its least to its greatest value. */
export function plot(series: Series, width = 60): string {
  if (series.length === 0) return "";
  const values = series.map(([, value]) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const step = Math.max(1, values.length / width);
  let line = "";
  for (let at = 0; at < values.length; at += step) {
    const part = values.slice(Math.floor(at), Math.max(Math.floor(at) + 1, Math.floor(at + step)));
    const value = part.reduce((sum, one) => sum + one, 0) / part.length;
    line += heights[Math.min(7, Math.floor(((value - low) / (high - low || 1)) * 8))] ?? "";
  }
  return line;
}
