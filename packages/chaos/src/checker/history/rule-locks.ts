import { factsOf } from "../case.js";
import type { Finding, HistoryRule } from "./finding.js";

/** With voters, an attempt begins only under a lock that most of them have granted; they keep it for longer than a trial takes. */
export const startsAreLocked: HistoryRule = ({ evidence, trial, runs }) => {
  const [locks] = factsOf(evidence, "lock");
  if (trial.voters < 3 || locks === undefined) return [];
  // What somebody has deleted at voters since says nothing.
  const deleted = Math.max(
    0,
    ...factsOf(evidence, "fault").flatMap(({ fault, until, proof }) =>
      fault === "locks-deleted" && proof !== "" ? [until] : [],
    ),
  );
  const most = Math.floor(trial.voters / 2) + 1;
  return [...runs.values()].flatMap(({ id, begins }) =>
    begins.flatMap(({ attempt, at, node }): Finding[] => {
      const votes = locks.attempts[`${id}#${attempt}`] ?? 0;
      if (votes >= most || at <= deleted) return [];
      const message = `${id}#${attempt} started on ${node}, and ${votes} of ${trial.voters} voters hold its lock.`;
      return [{ rule: "unlocked-start", at, message, about: [id], explainedByLoss: false }];
    }),
  );
};
