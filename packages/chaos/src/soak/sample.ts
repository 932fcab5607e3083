import type { Counts } from "./tally.js";

/** Each so many ms a sample is taken. */
export const sampleEvery = 5000;

/** What a node says of the last {@link sampleEvery}. Memory in bytes: the least that was seen, which is what is left after collections. */
export interface NodeReport {
  readonly rss: number;
  readonly heapUsed: number;
  /** First attempts that started, by their second. */
  readonly started: Counts;
  /** Starts with an attempt above 1. */
  readonly retried: number;
  readonly refused: number;
  /** Processor time that it took, ms. */
  readonly cpu: number;
  /** How many first attempts started so many whole ms late. */
  readonly lateness: Readonly<Record<string, number>>;
  /** For how long its event loop was held up, ms. */
  readonly loop: { readonly p99: number; readonly max: number };
}

/** What the line of a report begins with; the logger writes JSON too. */
export const reportStart = '{"rss":';

/** What Redis says. Memory in bytes. */
export interface StoreSample {
  readonly usedMemory: number;
  readonly keys: number;
  /** Processor time that it has taken since its start, ms. */
  readonly cpu: number;
  /** The largest keys, bytes; looked for now and then. */
  readonly largest?: Readonly<Record<string, number>>;
}

/** One row of the report. */
export interface Sample {
  /** Seconds since the beginning. */
  readonly at: number;
  readonly nodes: Readonly<Record<string, Pick<NodeReport, "rss" | "heapUsed" | "loop" | "cpu">>>;
  readonly store: StoreSample;
  readonly starts: number;
  readonly lateness: { readonly p50: number; readonly p99: number; readonly max: number };
}

/** Quantiles of counted whole ms. */
export function quantilesOf(counts: ReadonlyMap<number, number>): Sample["lateness"] {
  const rising = [...counts].sort(([a], [b]) => a - b);
  const total = rising.reduce((sum, [, count]) => sum + count, 0);
  const quantile = (part: number): number => {
    let left = Math.floor(total * part);
    for (const [ms, count] of rising) {
      left -= count;
      if (left < 0) return ms;
    }
    return rising.at(-1)?.[0] ?? 0;
  };
  return { p50: quantile(0.5), p99: quantile(0.99), max: rising.at(-1)?.[0] ?? 0 };
}
