import type { Finding, HistoryRule } from "./finding.js";
import { hindrancesIn } from "./hindrances.js";
import type { Ledger } from "./ledger.js";
import { pausesIn } from "./rule-pauses.js";
import { touching, uncovered } from "./spans.js";

/**
 * For so many ms what a pause held back may wait after that, beyond the second in which a leader notices the end, with nothing else in its way: the
 * machine may be busy. Longer where voters have to be asked for its lock.
 */
const slack = { alone: 1000, voters: 4000 };

/**
 * What a pause held back goes on when that is over: once its end is noticed, which takes a second at the most where there is a leader. Of the time
 * since then, that in which a fault, another pause, a limit or the like can have kept it from starting does not count.
 */
export const whatWasPausedGoesOn: HistoryRule = (ledger) => {
  const hindrances = hindrancesIn(ledger);
  const most = ledger.trial.voters === 0 ? slack.alone : slack.voters;
  return pausesIn(ledger).wentOn.flatMap(({ what: run, pause, ms, span }): Finding[] => {
    const [from, until] = [Math.max(span.over.at, parentsEnded(ledger, run)), span.over.at + ms];
    // Of a node it is said nowhere that there was something for it to start.
    if (run.startsWith("node:") || ms <= most || until - from <= most) return [];
    // Whatever befell any node counts where it is not known who was given it.
    const claim = ledger.runs
      .get(run)
      ?.claims.find(({ token }) => (ledger.begun.get(token)?.at ?? 0) >= from);
    const own = hindrances.on(claim?.node ?? "");
    const inTheWay = [...touching(own, from, until), ...touching(hindrances.of(run), from, until)];
    const free = uncovered(inTheWay, from, until);
    if (free <= most) return [];
    const message = `${run} was held back by the pause ${pause}, and began ${Math.round(ms)} ms after the end of that; for ${Math.round(free)} ms of these nothing stood in its way.`;
    // Another pause, whose end was lost, may have held it back.
    const pauses = hindrances.pausesOf(run).map((name) => `pause:${name}`);
    return [{ rule: "held-on", at: until, message, about: [run, ...pauses] }];
  });
};

/** When the last of the runs has ended that a run of a fire time waits for; never, where the store told of no such end: then it waits for all that is known. */
function parentsEnded(ledger: Ledger, run: string): number {
  const { job = "", fireTime } = ledger.runs.get(run) ?? {};
  const { dependsOn = [] } = ledger.jobs.get(job)?.job ?? {};
  const ends = dependsOn.map((parent) => {
    const end = ledger.whole.runs.get(`${parent}@${fireTime}`)?.ends.at(-1);
    return end === undefined ? Number.POSITIVE_INFINITY : ledger.momentOf(end).most;
  });
  return Math.max(0, ...ends);
}
