import type { SoakReport } from "./run-soak.js";
import type { Sample } from "./sample.js";

const mega = (bytes: number): string => (bytes / 1e6).toFixed(1);

/** The columns of {@link rowOf}. */
export const header =
  "seconds  starts/s  late p50/p99/max ms  RSS of nodes, MB (heap)                 loop p99/max ms   Redis MB    keys  cores: nodes, Redis";

/** One sample as a row of a table; the one before it, for what Redis took since. */
export function rowOf(
  { at, nodes, store, starts, lateness }: Sample,
  interval: number,
  before?: Sample,
): string {
  const each = Object.values(nodes);
  const rss = each.map((node) => `${mega(node.rss)} (${mega(node.heapUsed)})`).join("  ");
  const worst = (of: (loop: { p99: number; max: number }) => number): string =>
    Math.max(...each.map(({ loop }) => of(loop))).toFixed(0);
  return [
    String(at).padStart(7),
    String(Math.round(starts / (interval / 1000))).padStart(9),
    `${lateness.p50}/${lateness.p99}/${lateness.max}`.padStart(20),
    rss.padEnd(40).padStart(41),
    `${worst(({ p99 }) => p99)}/${worst(({ max }) => max)}`.padStart(9),
    mega(store.usedMemory).padStart(14),
    String(store.keys).padStart(7),
    ` ${(each.reduce((sum, { cpu }) => sum + cpu, 0) / interval).toFixed(2)}, ${((store.cpu - (before?.store.cpu ?? 0)) / interval).toFixed(2)}`,
  ].join(" ");
}

/** What came of it, for people. */
export function tellSoak(report: SoakReport): string {
  const { valid, expected, started, mismatches, retried, refused, trends, samples, faults } = report;
  const largest = samples.findLast(({ store }) => store.largest !== undefined)?.store.largest ?? {};
  return [
    `${valid ? "ok  " : "FAIL"} ${started} of ${expected} runs started, each once but in ${mismatches.length} seconds; further attempts ${retried}, refused outcomes ${refused}, faults ${faults.length}`,
    ...mismatches.slice(0, 5).map((one) => `     ${JSON.stringify(one)}`),
    ...trends.map(({ measure, unit, mean, growth, bound, holds, plot }) => {
      const figures = `${mean.toFixed(1)} ${unit}, grows by ${growth.toFixed(2)} (bound ${bound.toFixed(1)})`;
      return `  ${holds ? "ok  " : "FAIL"} ${measure.padEnd(14)} ${figures.padEnd(46)} ${plot}`;
    }),
    `     largest keys by kind, bytes: ${JSON.stringify(largest)}`,
  ].join("\n");
}
