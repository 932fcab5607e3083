import { groupBy } from "../case.js";
import { type Ledger, partsOf, type RunStory } from "./ledger.js";
import type { Claim, End, Other, Told } from "./told.js";

/**
 * How to find whether another run of a job may have waited for its turn, or have had it in the same step, when one of its runs was skipped. The
 * store does not tell what waits. What waited comes to something later: it is given out, or ends, or was missed; or it goes with its job, before
 * which nothing else of that can have been given out.
 */
export function waitingIn(ledger: Ledger): (skipped: End) => boolean {
  const runs = groupBy(ledger.runs.values(), ({ job = "" }) => job);
  const misses = groupBy(
    ledger.told.filter((line): line is End => line.what === "ended" && line.state === "m"),
    ({ run }) => partsOf(run).job ?? "",
  );
  const ends = groupBy(
    ledger.told.filter(
      (line): line is Other => line.what === "other" && /^job(Removed|Exhausted)$/.test(line.word),
    ),
    ({ subject }) => subject,
  );
  return (skipped) => {
    const { job = "" } = partsOf(skipped.run);
    const others = (runs.get(job) ?? []).filter(({ id }) => id !== skipped.run);
    if (others.some((other) => waited(other, skipped))) return true;
    if ((misses.get(job) ?? []).some((miss) => isLater(miss, skipped) && dueOf(miss.run) <= skipped.t))
      return true;
    const end = (ends.get(job) ?? []).find(({ index }) => index > skipped.index);
    if (end === undefined) return false;
    return !others.some((other) => {
      const { index = 0 } = turnOf(other) ?? {};
      return index > skipped.index && index < end.index;
    });
  };

  function waited(other: RunStory, skipped: End): boolean {
    if (dueOf(other.id) > skipped.t) return false;
    const turn = turnOf(other);
    const over = other.ends.filter(({ what }) => what === "ended");
    if ((turn !== undefined && !isLater(turn, skipped)) || over.some((line) => !isLater(line, skipped)))
      return false;
    // One that is skipped in the same step has taken nobody's turn: another one has taken both.
    return turn !== undefined || over.some(({ state, t }) => state !== "k" || t > skipped.t);
  }

  /** When a run's turn came: from then on it holds its job, between its attempts too. */
  function turnOf({ claims }: RunStory): Claim | undefined {
    return claims.find((claim) => !ledger.handedBack(claim));
  }
}

/** Whether something was told later than something else, or in the same step. */
function isLater(line: Told, than: Told): boolean {
  return line.index > than.index || line.t === than.t;
}

/** The time in a run's id: that of its fire time, or of when it was asked for by hand. A run is not due before. */
function dueOf(run: string): number {
  return Number(/@(\d{13})/.exec(run)?.[1]);
}
