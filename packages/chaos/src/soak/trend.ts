/** A measure over time: seconds and values. */
export type Series = readonly (readonly [at: number, value: number])[];

/** How a measure went on in the second half of a soak. */
export interface Trend {
  readonly mean: number;
  /** By how much the fitted line grew over that half. */
  readonly growth: number;
}

/**
 * The line through the least values of `windows` equal windows of the second half: what a collection leaves, not what piles up before it.
 */
export function trendOf(series: Series, windows: number): Trend {
  const end = series.at(-1)?.[0] ?? 0;
  const half = end / 2;
  const least = new Map<number, number>();
  for (const [at, value] of series) {
    if (at < half) continue;
    const window = Math.min(windows - 1, Math.floor(((at - half) / half) * windows));
    least.set(window, Math.min(least.get(window) ?? Number.POSITIVE_INFINITY, value));
  }
  const points = [...least].map(([window, value]) => [(window + 0.5) / windows, value] as const);
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
