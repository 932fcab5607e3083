import { groupBy } from "../case.js";
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

/** A run without a job comes to something only if somebody enqueued it; those of impostors aside, which nobody else takes. */
export const nothingRunsUnasked: HistoryRule = ({ operations, runs }) => {
  const enqueued = new Set(
    operations.flatMap(({ does }) => (does.do === "enqueue" ? does.runs.map(({ id }) => id) : [])),
  );
  return [...runs.values()].flatMap(({ id, job, claims, begins, ends }): Finding[] => {
    if (job !== undefined || enqueued.has(id)) return [];
    const claim = claims.find(({ node }) => !isImpostor(node));
    // Runs of impostors that are left wait until they are cancelled.
    const end = ends.find(({ node, state }) => state !== "c" && !isImpostor(node));
    const at = begins[0]?.at ?? claim?.t ?? end?.t;
    return at === undefined
      ? []
      : [{ rule: "unasked", at, message: `Nobody has enqueued ${id}.`, about: [id] }];
  });
};

function isImpostor(node: string): boolean {
  return node.startsWith("impostor-");
}

/** Runs that were asked for by hand and acknowledged start or say why not; others only where nothing was heard. */
export const runsByHandStart: HistoryRule = ({ operations, runs, jobs, reached }) => {
  const asked = operations.flatMap(({ does, ...one }) =>
    does.do === "run-now" ? [{ ...one, job: does.job }] : [],
  );
  const known = new Map(
    asked.flatMap((one) => (one.end === "acknowledged" ? [[String(one.answer), one] as const] : [])),
  );
  const lost = [...known].flatMap(([id, { job, asked }]): Finding[] => {
    // Those with which the trial ends come when all that was asked for has started.
    const mayHaveGone = jobs
      .get(job)
      ?.removals.some((removal) => removal.heard.at > asked.at && removal.asked.at < reached("healed"));
    if (cameToSomething(runs.get(id)) || mayHaveGone) return [];
    return [{ rule: "missed", at: asked.at, message: `The run by hand ${id} never started.`, about: [id] }];
  });
  const byHand = [...runs.values()].filter(
    ({ job, fireTime }) => job !== undefined && fireTime === undefined,
  );
  const unasked = [...groupBy(byHand, ({ job = "" }) => job)].flatMap(([job, some]): Finding[] => {
    const strange = some.filter(({ id }) => known.get(id)?.job !== job);
    const possible = asked.filter((one) => one.job === job && one.end === "maybe").length;
    const [first] = strange;
    if (first === undefined || strange.length <= possible) return [];
    const message = `${strange.length} runs by hand of ${job} that nobody knows of; ${possible} may have been asked for.`;
    const at = first.begins[0]?.at ?? first.claims[0]?.t ?? first.ends[0]?.t ?? 0;
    return [{ rule: "unasked", at, message, about: strange.map(({ id }) => id) }];
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
  operations.flatMap(({ does, end, heard, answer }: Asked): Finding[] => {
    if (end !== "acknowledged" || (does.do !== "stale-write" && does.do !== "impostor")) return [];
    const message =
      does.do === "impostor"
        ? `What a node said that must not say it was taken: the ${does.stale} was not its own, or was used before.`
        : `A leader's write for ${does.job} was taken although its ${does.stale} was that of before: ${answer}.`;
    return [{ rule: "stale-write", at: heard.at, message, about: "job" in does ? [does.job] : [] }];
  });
