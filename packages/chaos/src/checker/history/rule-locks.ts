import { factsOf } from "../case.js";
import type { Finding, HistoryRule } from "./finding.js";

/** With voters, an attempt begins only under a lock that most of them have granted; they keep it for longer than a trial takes. */
export const startsAreLocked: HistoryRule = ({ evidence, trial, runs }) => {
  const [locks] = factsOf(evidence, "lock");
  if (trial.voters < 3 || locks === undefined) return [];
  const deletions = factsOf(evidence, "fault").filter(
    ({ fault, proof }) => fault === "locks-deleted" && proof !== "",
  );
  // Each deletes what one voter has granted by then: of every earlier attempt one vote, however often it comes to the same one.
  const deletedSince = (at: number): number =>
    new Set(deletions.flatMap(({ until, target }) => (until >= at ? [target] : []))).size;
  const most = Math.floor(trial.voters / 2) + 1;
  return [...runs.values()].flatMap(({ id, begins }) =>
    begins.flatMap(({ attempt, at, node }): Finding[] => {
      const votes = locks.attempts[`${id}#${attempt}`] ?? 0;
      const deleted = deletedSince(at);
      if (votes + deleted >= most) return [];
      const message = `${id}#${attempt} started on ${node}, and ${votes} of ${trial.voters} voters hold its lock; somebody has deleted those of ${deleted} since.`;
      return [{ rule: "unlocked-start", at, message, about: [id], explainedByLoss: false }];
    }),
  );
};
