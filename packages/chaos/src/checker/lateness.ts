import type { Evidence } from "../evidence/evidence.js";

/** How late starts were, in whole ms by this machine's wall clock. */
export interface Lateness {
  readonly starts: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** The lateness of the first attempts that were due between two instants (wall clock, ms; the second not included). */
export function latenessOf(
  evidence: readonly Evidence[],
  from: number = Number.NEGATIVE_INFINITY,
  to: number = Number.POSITIVE_INFINITY,
): Lateness {
  return latenessWithin(evidence, [[from, to]]);
}

/** The same of several such spans together. */
export function latenessWithin(
  evidence: readonly Evidence[],
  spans: readonly (readonly [from: number, to: number])[],
): Lateness {
  return quantiles(
    evidence.flatMap((line) => {
      if (line.kind !== "start" || line.attempt !== 1) return [];
      const { scheduledAt } = line;
      return spans.some(([from, to]) => scheduledAt >= from && scheduledAt < to)
        ? [line.at - scheduledAt]
        : [];
    }),
  );
}

/** The same of some whose lateness is known, ms. */
export function quantiles(lateness: readonly number[]): Lateness {
  const late = lateness.toSorted((a, b) => a - b);
  const quantile = (part: number): number =>
    late[Math.min(late.length - 1, Math.floor(late.length * part))] ?? 0;
  return { starts: late.length, p50: quantile(0.5), p99: quantile(0.99), max: late.at(-1) ?? 0 };
}
