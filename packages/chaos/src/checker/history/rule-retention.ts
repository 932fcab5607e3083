import { factsOf } from "../case.js";
import type { Finding, HistoryRule } from "./finding.js";

/** Of each task's enqueued runs that ended as many are kept as is said, no more and no fewer. */
export const finishedRunsAreKept: HistoryRule = ({ evidence, operations, runs, trial }) => {
  const dump = factsOf(evidence, "store").findLast(({ when }) => when === "stopped");
  if (dump === undefined) return [];
  const kept = (dump.dump["finished"]?.value ?? {}) as Readonly<Record<string, string>>;
  const ended = new Map<string, string[]>();
  for (const { does } of operations) {
    if (does.do !== "enqueue") continue;
    const some = does.runs.flatMap(({ id = "" }) =>
      runs.get(id)?.ends.some(({ what }) => what === "ended") ? [id] : [],
    );
    ended.set(does.task, [...(ended.get(does.task) ?? []), ...some]);
  }
  return [...ended].flatMap(([task, all]): Finding[] => {
    const due = Math.min(trial.keptRuns, new Set(all).size);
    const there = all.filter((id) => kept[id] !== undefined);
    const count = new Set(there).size;
    if (count === due) return [];
    const message = `Of the ${all.length} enqueued runs of ${task} that ended ${count} are kept, not ${due}.`;
    return [{ rule: "retention", at: dump.at, message, about: all.slice(-5) }];
  });
};
