import type { PlannedJob } from "../../workload/operations.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Ledger, RunStory } from "./ledger.js";
import type { Asked } from "./operations.js";
import type { End } from "./told.js";

/**
 * An attempt that failed or timed out is followed by another one exactly if fewer have failed than the definition in force allows attempts.
 * Those that were lost do not count: they have a budget of their own. Of a job that was removed, or may have been, a run ends with whatever
 * befalls it.
 */
export const failuresFollowRetry: HistoryRule = (ledger) => {
  const allowed = allowedAttempts(ledger);
  return [...ledger.runs.values()].flatMap((run) => {
    const removals = ledger.jobs.get(run.job ?? "")?.removals ?? [];
    let failed = 0;
    return run.ends.flatMap((end): Finding[] => {
      if (!/[ft]/.test(end.state)) return [];
      failed += 1;
      const attempts = allowed(run, end);
      if (attempts.length === 0) return [];
      const of = `Attempt ${run.id}#${end.attempt} was the ${failed}. that failed (${end.state}; ${attempts.join(" or ")} allowed)`;
      const [least, most] = [Math.min(...attempts), Math.max(...attempts)];
      const about = { at: end.t, about: [run.id, run.job ?? run.id] };
      if (end.what === "again" && failed >= most)
        return [{ rule: "needless-attempt", message: `${of}, and has another one.`, ...about }];
      const gone = removals.some(({ asked }) => asked.at <= end.t);
      if (end.what === "ended" && failed < least && !gone)
        return [{ rule: "given-up", message: `${of}, and has no other one.`, ...about }];
      return [];
    });
  });
};

interface Saying {
  readonly attempts: number;
  readonly by: Asked;
}

/** How many attempts a run may have: each answer that was possibly in force from when it was given out until it ended. */
function allowedAttempts({ operations }: Ledger): (run: RunStory, end: End) => number[] {
  const enqueued = new Map<string, number>();
  const sayings = new Map<string, Saying[]>();
  const say = (job: string, { retry }: Partial<PlannedJob>, by: Asked): void => {
    sayings.set(job, [...(sayings.get(job) ?? []), { attempts: retry?.attempts ?? 1, by }]);
  };
  for (const by of operations) {
    const { does, end } = by;
    if (end === "refused") continue;
    if (does.do === "enqueue")
      for (const { id = "", retry } of does.runs) enqueued.set(id, retry?.attempts ?? 1);
    if (does.do === "define") for (const job of does.jobs) say(job.id, job, by);
    if (does.do === "update" && "retry" in does.changes)
      say(does.job, does.changes as Partial<PlannedJob>, by);
  }
  return ({ id, job = "", claims }, end) => {
    const own = enqueued.get(id);
    if (own !== undefined) return [own];
    const from = claims.findLast(({ index }) => index < end.index)?.t ?? end.t;
    const all = sayings.get(job) ?? [];
    const former = all.findLastIndex(({ by }) => by.end === "acknowledged" && by.heard.at < from);
    const possible = all.slice(Math.max(former, 0)).filter(({ by }) => by.asked.at <= end.t);
    return [...new Set(possible.map(({ attempts }) => attempts))];
  };
}
