import type { Finding, HistoryRule } from "./finding.js";
import type { Ledger, RunStory } from "./ledger.js";
import type { Asked } from "./operations.js";

function cameToSomething(run: RunStory | undefined): boolean {
  if (run === undefined) return false;
  return run.begins.some(({ attempt }) => attempt === 1) || run.ends.some(({ state }) => /[kcl]/.test(state));
}

/** What was enqueued starts, if that was acknowledged; if it was refused it does not. */
export const enqueuedRunsStart: HistoryRule = ({ operations, runs, reached }) =>
  operations.flatMap(({ does, end, asked, answer }) => {
    if (does.do !== "enqueue" || asked.at > reached("healed")) return [];
    return does.runs.flatMap(({ id = "" }): Finding[] => {
      const run = runs.get(id);
      const about = { at: asked.at, about: [id] };
      if (end === "acknowledged" && !cameToSomething(run))
        return [{ rule: "missed", message: `The enqueued run ${id} never started.`, ...about }];
      if (end === "refused" && run !== undefined)
        return [
          {
            rule: "refused-and-done",
            message: `Enqueuing ${id} was refused (${answer}), and it is there.`,
            ...about,
          },
        ];
      return [];
    });
  });

/** Runs that were asked for by hand and acknowledged start or say why not; others only where nothing was heard. */
export const runsByHandStart: HistoryRule = ({ operations, runs, jobs }) => {
  const asked = operations.filter(({ does }) => does.do === "run-now");
  const known = new Map(
    asked.flatMap((one) => (one.end === "acknowledged" ? [[String(one.answer), one] as const] : [])),
  );
  const lost = [...known].flatMap(([id, one]): Finding[] => {
    const job = (one.does as { job: string }).job;
    if (cameToSomething(runs.get(id)) || jobs.get(job)?.removals.some(({ heard }) => heard.at > one.asked.at))
      return [];
    return [
      { rule: "missed", at: one.asked.at, message: `The run by hand ${id} never started.`, about: [id] },
    ];
  });
  const unasked = [...jobs.keys()].flatMap((job): Finding[] => {
    const strange = [...runs.values()].filter(
      (run) => run.job === job && run.fireTime === undefined && !known.has(run.id),
    );
    const possible = asked.filter(
      ({ does, end }) => (does as { job: string }).job === job && end === "maybe",
    ).length;
    const [first] = strange;
    if (first === undefined || strange.length <= possible) return [];
    const message = `${strange.length} runs by hand of ${job} that nobody knows of; ${possible} may have been asked for.`;
    return [{ rule: "unasked", at: first.begins[0]?.at ?? 0, message, about: strange.map(({ id }) => id) }];
  });
  return [...lost, ...unasked];
};

/** A run whose cancelling was acknowledged is given to nobody after that; it ends. */
export const cancelledRunsStayDown: HistoryRule = ({ operations, runs }) =>
  operations.flatMap(({ does, end, answer, heard }): Finding[] => {
    if (does.do !== "cancel" || end !== "acknowledged" || answer !== true) return [];
    const late = runs.get(does.run)?.claims.find(({ t }) => t > heard.at);
    if (late === undefined) return [];
    const message = `${does.run}#${late.attempt} was given out ${late.t - heard.at} ms after it had been cancelled.`;
    return [{ rule: "cancelled-started", at: late.t, message, about: [does.run] }];
  });

/** What a leader of before would write is refused, and so is what no node can say. */
export const staleWritesAreRefused: HistoryRule = ({ operations }: Ledger) =>
  operations.flatMap(({ does, end, heard }: Asked): Finding[] => {
    if (end !== "acknowledged" || (does.do !== "stale-write" && does.do !== "impostor")) return [];
    const message =
      does.do === "impostor"
        ? `What a node said that must not say it was taken: the ${does.stale} was not its own, or was used before.`
        : `A leader's write for ${does.job} was taken although its ${does.stale} was that of before.`;
    return [{ rule: "stale-write", at: heard.at, message, about: "job" in does ? [does.job] : [] }];
  });
