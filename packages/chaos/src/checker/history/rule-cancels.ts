import { calmIn } from "./calm.js";
import type { Finding, HistoryRule } from "./finding.js";
import { lastMoment } from "./rule-fire-times.js";
import { ordersOf } from "./versions.js";

/** A node hears with its next heartbeat at the latest that it is to cancel a run, and needs a while to report; ms. */
const heardWithin = 2500 + 3000;

/**
 * A run that runs when its cancelling is acknowledged, and whose handler listens, has ended once its node must have heard of it: as cancelled, or
 * by itself before that. No other attempt follows.
 */
export const cancelledRunsEnd: HistoryRule = (ledger) => {
  const { operations, runs, handedBack } = ledger;
  const orders = ordersOf(ledger);
  const calm = calmIn(ledger);
  const last = lastMoment(ledger);
  return operations.flatMap(({ does, end, answer, asked, heard }): Finding[] => {
    if (does.do !== "cancel" || end !== "acknowledged" || answer !== true) return [];
    const run = runs.get(does.run);
    const claim = run?.claims.findLast(({ t }) => t < asked.at);
    if (run === undefined || claim === undefined || handedBack(claim)) return [];
    if (!orders(run.id, claim, asked.wall).every(({ input }) => input?.listens === true)) return [];
    const about = [run.id];
    const ended = run.ends.find(({ index }) => index > claim.index);
    const by = heard.at + heardWithin;
    if (ended?.what === "again" && ended.t > heard.at) {
      const message = `${run.id}#${claim.attempt} had been cancelled, and has another attempt.`;
      return [{ rule: "cancel-ignored", at: ended.t, message, about }];
    }
    if ((ended?.t ?? last) <= by || !calm(claim.node, asked.at, by)) return [];
    const message = `${run.id}#${claim.attempt} ran on for ${(ended?.t ?? last) - heard.at} ms after its cancelling was acknowledged.`;
    return [{ rule: "cancel-ignored", at: by, message, about }];
  });
};
