import type { Violation } from "../checker/case.js";
import type { InjectedFault } from "../faults/inject.js";

/** How many of the faults that were injected hit. */
export interface Hits {
  /** Those that are shown to have hit. */
  readonly total: number;
  readonly byKind: Readonly<Record<string, number>>;
  /** Those that were injected and did not. */
  readonly withoutEffect: number;
  readonly each: readonly InjectedFault[];
}

/** Only what is shown to have hit counts. */
export function countHits(injected: readonly InjectedFault[]): Hits {
  const hit = injected.filter(({ proof }) => proof !== "");
  const byKind: Record<string, number> = {};
  for (const { kind } of hit) byKind[kind] = (byKind[kind] ?? 0) + 1;
  return { total: hit.length, byKind, withoutEffect: injected.length - hit.length, each: injected };
}

/** A trial in which no fault hit shows nothing of what it is for, however it went: this says why it is not valid. */
export function nothingHit({ total, each }: Hits): Violation[] {
  if (total > 0) return [];
  const kinds = [...new Set(each.map(({ kind }) => kind))].join(", ");
  const message =
    each.length === 0
      ? "No fault was injected, so that the trial shows nothing: it is too short."
      : `None of ${each.length} faults hit (${kinds}), so that the trial shows nothing.`;
  return [{ rule: "no-fault-hit", message, story: [] }];
}
