import type { Evidence } from "../../evidence/evidence.js";
import { abortGrace } from "../../workload/cluster.js";
import { factsOf } from "../case.js";
import { calmIn } from "./calm.js";
import type { Finding, HistoryRule } from "./finding.js";
import type { Begin, Ledger, RunStory } from "./ledger.js";
import type { Asked } from "./operations.js";
import { lastMoment } from "./rule-fire-times.js";
import type { Claim } from "./told.js";
import { millisOf, type Orders, ordersOf } from "./versions.js";

/** What the timers of a process that are set one after the other may differ by, ms. */
const blur = 10;
/** By how many ms a handler's work has to be longer than its timeout for it to be clearly so. */
const clearly = 100;
/** How long after timeout and grace an attempt may still be held while nothing is wrong: the processor may be busy. */
const slack = 5000;

interface Attempt {
  readonly run: RunStory;
  readonly begin: Begin;
  readonly claim: Claim;
  /** In ms; none: infinite. Several, where nobody knows which definition was in force. */
  readonly timeouts: readonly number[];
  readonly orders: readonly Orders[];
}

/**
 * What takes longer than its timeout does not succeed, and is not held for longer than timeout and grace; what comes to its end in time is not
 * timed out. A timer goes off in its turn also where the whole process stood still, so that the first and the last hold under any fault.
 */
export const timeoutsHold: HistoryRule = (ledger) => {
  const stopped = stopsOf(ledger);
  const over = handlersOver(ledger.evidence);
  const calm = calmIn(ledger);
  const last = lastMoment(ledger);
  return attemptsIn(ledger).flatMap((attempt): Finding[] => {
    const { run, begin, claim, timeouts } = attempt;
    const end = ledger.ended.get(begin.token);
    const found = (rule: string, message: string): Finding[] => [
      { rule, at: end?.t ?? last, message: `${run.id}#${begin.attempt} ${message}`, about: [run.id] },
    ];
    const [least, most] = [Math.min(...timeouts), Math.max(...timeouts)];
    if (end?.state === "s" && isTooLong(attempt) && !stopped(run))
      return found("timeout-ignored", `succeeded, though it takes longer than its timeout of ${most} ms.`);
    const lasted = over(begin.token);
    if (end?.state === "t" && (least === Number.POSITIVE_INFINITY || (lasted ?? least) < least - blur))
      return found("timed-out-early", `was timed out after ${lasted} ms; its timeout is ${least} ms.`);
    // From when its handler began: the answer to the claim may have been on its way.
    const due = begin.at + most + abortGrace + slack;
    const until = end === undefined ? last : ledger.momentOf(end).least; // as `begin.at`, by the machine's clock, whatever Redis' says
    if (due > last || !calm(claim.node, ledger.momentOf(claim).least, due)) return [];
    ledger.judged("timeouts");
    if (until <= due) return [];
    return found("timeout-ignored", `was held for ${until - begin.at} ms; its timeout is ${most} ms.`);
  });
};

function attemptsIn(ledger: Ledger): Attempt[] {
  const ordersAt = ordersOf(ledger);
  return [...ledger.runs.values()].flatMap((run) =>
    run.begins.flatMap((begin): Attempt[] => {
      const claim = run.claims.find(({ token }) => token === begin.token);
      const orders = claim === undefined ? [] : ordersAt(run.id, claim, begin.at);
      if (claim === undefined || orders.length === 0) return [];
      const timeouts = orders.map(({ timeout }) => millisOf(timeout) ?? Number.POSITIVE_INFINITY);
      return [{ run, begin, claim, timeouts, orders }];
    }),
  );
}

function isTooLong({ orders, timeouts }: Attempt): boolean {
  return orders.every(({ input }, index) => (input?.work ?? 0) >= (timeouts[index] ?? 0) + clearly);
}

/** How long handlers took until they came to their end, or heard that they are to stop, by their process's clock, ms. */
function handlersOver(evidence: readonly Evidence[]): (token: string) => number | undefined {
  const given = new Map(factsOf(evidence, "claimed").map(({ token, mono }) => [token, mono]));
  const over = new Map(
    [...factsOf(evidence, "end"), ...factsOf(evidence, "aborted")].map(({ token, mono }) => [token, mono]),
  );
  return (token) => {
    const [from, until] = [given.get(token), over.get(token)];
    return from === undefined || until === undefined ? undefined : until - from;
  };
}

/** Whether a run was told to stop otherwise, or may have been: it may do its work to the end all the same, and succeed. */
function stopsOf({ operations, jobs }: Ledger): (run: RunStory) => boolean {
  const cancelled = new Set(
    operations.flatMap(({ does, end }) => (does.do === "cancel" && end !== "refused" ? [does.run] : [])),
  );
  return ({ id, job = "" }) => {
    const { job: definition, removals = [] } = jobs.get(job) ?? {};
    const { overlap } = definition ?? {};
    return cancelled.has(id) || overlap === "replace" || overlap === "cancel-running" || removed(removals);
  };
}

function removed(removals: readonly Asked[]): boolean {
  return removals.some(({ does }) => does.do === "remove" && does.cancelRunning);
}
