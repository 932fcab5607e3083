import { factsOf, groupBy } from "../case.js";
import { namesIn, troublesOf } from "./calm.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Ledger, RunStory } from "./ledger.js";
import type { Asked } from "./operations.js";
import { lastMoment } from "./rule-fire-times.js";
import { freeStretch } from "./spans.js";
import { type Orders, ordersOf } from "./versions.js";

/** A node that nothing holds up hears with its next heartbeat at the latest that it is to cancel a run, and needs a while to report; ms. */
const heardWithin = 2500 + 2000;

/**
 * A run that runs when its cancelling is acknowledged, and whose handler listens, has ended once its node must have heard of it: as cancelled, or
 * by itself before that. No other attempt follows.
 */
export const cancelledRunsEnd: HistoryRule = (ledger) => {
  const { operations, runs } = ledger;
  const goesOn = goingOnIn(ledger);
  return operations.flatMap((asked) => {
    const { does, end, answer } = asked;
    if (does.do !== "cancel" || end !== "acknowledged" || answer !== true) return [];
    return goesOn(runs.get(does.run), asked, "cancelled");
  });
};

/** So do the runs that run of a job that is removed with `cancelRunning`, those of an earlier definition too. */
export const removedRunsEnd: HistoryRule = (ledger) => {
  const goesOn = goingOnIn(ledger);
  const runs = groupBy(ledger.runs.values(), ({ job = "" }) => job);
  return ledger.operations.flatMap((asked) => {
    const { does, end, answer } = asked;
    // Whoever is answered `false` has removed nothing, or has with a request whose answer was lost.
    if (does.do !== "remove" || !does.cancelRunning || end !== "acknowledged" || answer !== true) return [];
    return (runs.get(does.job) ?? []).flatMap((run) => goesOn(run, asked, "removed with its job"));
  });
};

/** How to find whether an attempt that runs when somebody asks for its end goes on although that was acknowledged. */
function goingOnIn(ledger: Ledger): (run: RunStory | undefined, by: Asked, was: string) => Finding[] {
  const orders = ordersOf(ledger);
  const troubles = troublesOf(ledger);
  const goneBy = goneIn(ledger);
  const last = lastMoment(ledger);
  return (run, { asked, heard }, was) => {
    const claim = run?.claims.findLast(({ t }) => t < asked.at);
    if (run === undefined || claim === undefined || ledger.handedBack(claim)) return [];
    const ended = run.ends.find(({ index }) => index > claim.index);
    if (ended !== undefined && ended.t <= heard.at) return [];
    const all = orders(run.id, claim, asked.wall);
    if (!all.every(({ input }) => input?.listens === true)) return [];
    const about = run.job === undefined ? [run.id] : [run.id, run.job];
    const found = (at: number, what: string): Finding[] => [
      { rule: "cancel-ignored", at, message: `${run.id}#${claim.attempt} ${what}.`, about },
    ];
    if (ended?.what === "again") return found(ended.t, `had been ${was}, and has another attempt`);
    // By the machine's clock: Redis' own may have been moved meanwhile.
    const { least, most } = ledger.momentOf(claim);
    const over = Math.min(goneBy(claim.node, most), last);
    const free = freeStretch(troubles(claim.node), heard.wall, over, heardWithin);
    if (free === undefined) return [];
    if (free <= least + Math.max(...all.map(workOf))) ledger.judged("cancels");
    const until = ended === undefined ? last : ledger.momentOf(ended).least;
    if (until <= free) return [];
    return found(
      free,
      `ran on for ${until - heard.wall} ms after it was ${was}, which had been acknowledged`,
    );
  };
}

function workOf({ input }: Orders): number {
  return input?.work ?? 0;
}

/** When a node (its identity), which was there at a moment, had started over under another identity at the latest: what it held by then is lost. */
function goneIn({ evidence }: Ledger): (identity: string, since: number) => number {
  const names = namesIn(evidence);
  const ups = factsOf(evidence, "up");
  return (identity, since) =>
    ups.find(({ node, id, at }) => node === names.get(identity) && id !== identity && at >= since)?.at ??
    Number.POSITIVE_INFINITY;
}

/** Nobody who cancels a run is told that it had ended, or that there is none, while it waits or runs from the asking to the answer. */
export const openRunsCanBeCancelled: HistoryRule = (ledger) => {
  const enqueued = enqueuedBy(ledger);
  return ledger.operations.flatMap(({ does, answer, asked, heard }): Finding[] => {
    if (does.do !== "cancel" || (answer !== false && answer !== "RUN_NOT_FOUND")) return [];
    const run = ledger.runs.get(does.run);
    const isThere =
      (enqueued.get(does.run) ?? Number.POSITIVE_INFINITY) <= asked.mono ||
      run?.claims.some((claim) => claim.t < asked.at && !ledger.handedBack(claim));
    if (!isThere || run?.ends.some(({ what, t }) => what === "ended" && t <= heard.at)) return [];
    const message = `Whoever cancelled ${does.run} was told ${answer === false ? "that it had ended" : answer}, and it had not ended.`;
    return [{ rule: "cancel-denied", at: heard.at, message, about: [does.run] }];
  });
};

/** When it was acknowledged by the monotonic clock that a run was enqueued, ms. */
function enqueuedBy({ operations }: Ledger): Map<string, number> {
  return new Map(
    operations.flatMap(({ does, end, heard }) =>
      does.do === "enqueue" && end === "acknowledged"
        ? does.runs.map(({ id = "" }): [string, number] => [id, heard.mono])
        : [],
    ),
  );
}
