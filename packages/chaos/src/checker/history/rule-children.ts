import type { Finding, HistoryRule } from "./finding.js";
import { lastMoment } from "./rule-fire-times.js";
import type { Claim, End } from "./told.js";

/** A job that follows others has a run for each fire time at which all of theirs succeeded, after that, and for no other one. */
export const childrenFollow: HistoryRule = (ledger) => {
  const { jobs, runs } = ledger;
  const until = Math.min(ledger.reached("healed"), lastMoment(ledger));
  return [...jobs.values()].flatMap(({ id, job: { trigger, dependsOn } }): Finding[] => {
    if (trigger !== undefined || dependsOn === undefined) return [];
    const found: Finding[] = [];
    const successOf = (parent: string, time: number): End | undefined =>
      runs.get(`${parent}@${time}`)?.ends.find(({ state }) => state === "s");
    for (const run of runs.values()) {
      const [claim] = run.claims;
      if (run.job !== id || run.fireTime === undefined || claim === undefined) continue;
      const time = run.fireTime;
      const missing = dependsOn.find((parent) => !isBefore(successOf(parent, time), claim));
      if (missing !== undefined)
        found.push({
          rule: "never-due",
          at: claim.t,
          message: `${run.id} started before ${missing} had succeeded.`,
          about: [run.id, `${missing}@${time}`],
        });
    }
    for (const { fireTime: time, job, ends } of runs.values()) {
      if (job !== dependsOn[0] || time === undefined) continue;
      const all = dependsOn.every((parent) => successOf(parent, time) !== undefined);
      const child = runs.get(`${id}@${time}`);
      const came =
        child?.begins.some(({ attempt }) => attempt === 1) ||
        child?.ends.some(({ state }) => /[kcl]/.test(state));
      if (!all || came || (ends.at(-1)?.t ?? 0) > until) continue;
      if (isMissed(ledger.told, id, time)) continue;
      found.push({
        rule: "missed",
        at: time,
        message: `${id}@${time} never started, although what it depends on succeeded.`,
        about: [`${id}@${time}`, `${job}@${time}`],
      });
    }
    return found;
  });
};

/** Whether something had been told before something else, or in the same millisecond by another partition. */
function isBefore(one: End | undefined, other: Claim): boolean {
  if (one === undefined) return false;
  return one.index < other.index || (one.partition !== other.partition && one.t <= other.t);
}

/** Whether an entry for fire times that were missed stands for one of them. */
export function isMissed(told: Parameters<HistoryRule>[0]["told"], job: string, time: number): boolean {
  return told.some((line) => {
    if (line.what !== "ended" || line.state !== "m" || !line.run.startsWith(`${job}@`)) return false;
    const first = Number(line.run.slice(job.length + 1));
    return first <= time && time <= line.finished;
  });
}
