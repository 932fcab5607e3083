import type { Finding, HistoryRule } from "./finding.js";
import { partsOf } from "./ledger.js";

/**
 * A run that was given out before its job was removed is not tried again, also where a job was defined anew under that id: it would be tried as
 * that one says, with another input, or although it may begin once only. By the order of the stream of events.
 */
export const formerRunsAreNotTriedAgain: HistoryRule = ({ told }) => {
  const removals = new Map<string, { readonly index: number; readonly t: number }>();
  const first = new Map<string, number>();
  const isBack = new Set<string>();
  return told.flatMap((line): Finding[] => {
    if (line.what === "other") {
      if (line.word === "jobRemoved") {
        removals.set(line.subject, line);
        isBack.delete(line.subject);
      }
      if (line.word === "jobAdded") isBack.add(line.subject);
      return [];
    }
    if (line.what === "ended") return [];
    const { run, attempt, t } = line;
    const isClaim = line.what === "started";
    if (isClaim && attempt === 1) {
      first.set(run, line.index);
      return [];
    }
    const { job = "" } = partsOf(run);
    const removal = removals.get(job);
    if (removal === undefined || (first.get(run) ?? Number.POSITIVE_INFINITY) > removal.index) return [];
    // What is given out while there is no such job is too late in any case: see rule-taken-away.ts.
    if (isClaim && !isBack.has(job)) return [];
    const message = `${run}#${attempt} ${isClaim ? "was given out" : "is to have another attempt"} ${t - removal.t} ms after its job was removed.`;
    return [{ rule: "former-run-tried-again", at: t, message, about: [run, job] }];
  });
};
