import type { Finding, HistoryRule } from "./finding.js";
import type { RunStory } from "./ledger.js";

/**
 * A job that is due once and goes when it has run: one call that defines it gives one run, if it was acknowledged; one at most if nobody knows;
 * none if it was refused. It leaves nothing by which a call that is sent again would be known.
 */
export const oneOffsRunOnce: HistoryRule = ({ operations, runs, told, reached }) => {
  const runsOf = new Map<string, RunStory[]>();
  for (const run of runs.values())
    if (run.job !== undefined) runsOf.set(run.job, [...(runsOf.get(run.job) ?? []), run]);
  const missed = new Set(
    told.flatMap((line) =>
      line.what === "ended" && line.state === "m" ? [line.run.slice(0, line.run.lastIndexOf("@"))] : [],
    ),
  );
  const calls = operations.flatMap((asked) =>
    asked.does.do === "define"
      ? asked.does.jobs.flatMap((job) => (job.whenExhausted === "remove" ? [{ ...asked, job }] : []))
      : [],
  );
  return calls.flatMap(({ job: { id }, end, asked, answer }): Finding[] => {
    const all = runsOf.get(id) ?? [];
    const begun = all.filter(({ begins }) => begins.some(({ attempt }) => attempt === 1));
    const about = { at: begun[0]?.begins[0]?.at ?? asked.at, about: [id, ...all.map((run) => run.id)] };
    if (end === "refused" && all.length > 0)
      return [
        {
          rule: "refused-and-done",
          message: `Defining ${id} was refused (${answer}), and it ran.`,
          ...about,
        },
      ];
    if (begun.length > 1)
      return [
        {
          rule: "one-off-again",
          message: `${id}, which is due once, started ${begun.length} times.`,
          ...about,
        },
      ];
    const came =
      begun.length > 0 ||
      missed.has(id) ||
      all.some(({ ends }) => ends.some(({ state }) => /[kcl]/.test(state)));
    if (end === "acknowledged" && !came && asked.at <= reached("healed"))
      return [{ rule: "missed", message: `${id}, which is due once, never started.`, ...about }];
    return [];
  });
};
