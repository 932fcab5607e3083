import type { Sample } from "./sample.js";
import { least, median, type OfWindow, plot, type Series, trendOf } from "./trend.js";

/** A measure that must not grow in the second half. */
export interface JudgedTrend {
  readonly measure: string;
  readonly unit: "MB" | "ms" | "keys";
  /** Of the second half's windows, by the least value of each, or, of lateness, by its median. */
  readonly mean: number;
  /** By how much the line through them grows over that half. */
  readonly growth: number;
  readonly bound: number;
  readonly holds: boolean;
  readonly plot: string;
}

/** Windows of a minute, which a node's collector has cleared up in: ten in the second half of twenty minutes, and three at least. */
function windowsOf(seconds: number): number {
  return Math.min(10, Math.max(3, Math.floor(seconds / 2 / 60)));
}

const megabyte = 1e6;

/** Judges memory of the nodes and of Redis, its number of keys, and lateness: flat in the second half, by what stands for each of its minutes. */
export function judgeTrends(samples: readonly Sample[]): JudgedTrend[] {
  const names = [...new Set(samples.flatMap(({ nodes }) => Object.keys(nodes)))].sort();
  const of = (name: string, what: "rss" | "heapUsed"): Series =>
    samples.flatMap(({ at, nodes }) => {
      const value = nodes[name]?.[what];
      return value === undefined ? [] : [[at, value / megabyte] as const];
    });
  const each = (value: (sample: Sample) => number): Series =>
    samples.map((sample) => [sample.at, value(sample)]);
  const memory = (mean: number): number => Math.max(0.03 * mean, 5);
  return [
    ...names.map((name) => judge(`RSS of ${name}`, "MB", of(name, "rss"), memory)),
    ...names.map((name) => judge(`heap of ${name}`, "MB", of(name, "heapUsed"), memory)),
    judge(
      "Redis' memory",
      "MB",
      each(({ store }) => store.usedMemory / megabyte),
      (mean) => Math.max(0.03 * mean, 1),
    ),
    judge(
      "Redis' keys",
      "keys",
      each(({ store }) => store.keys),
      (mean) => Math.max(0.01 * mean, 10),
    ),
    judge(
      "lateness p50",
      "ms",
      each(({ lateness }) => lateness.p50),
      (mean) => Math.max(0.25 * mean, 5),
      median,
    ),
    judge(
      "lateness p99",
      "ms",
      each(({ lateness }) => lateness.p99),
      (mean) => Math.max(0.5 * mean, 20),
      median,
    ),
  ];
}

function judge(
  measure: string,
  unit: JudgedTrend["unit"],
  series: Series,
  boundOf: (mean: number) => number,
  ofWindow: OfWindow = least,
): JudgedTrend {
  const { mean, growth } = trendOf(series, windowsOf(series.at(-1)?.[0] ?? 0), ofWindow);
  const bound = boundOf(mean);
  return { measure, unit, mean, growth, bound, holds: growth <= bound, plot: plot(series) };
}
