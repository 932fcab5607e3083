import type { Evidence } from "../../evidence/evidence.js";
import type { Violation } from "../case.js";
import type { Lateness } from "../lateness.js";
import type { Finding, HistoryRule } from "./finding.js";
import { type Ledger, ledgerOf } from "./ledger.js";
import { Losses } from "./losses.js";
import { countOperations } from "./operations.js";
import { deadNodesStopTheirHandlers } from "./rule-aborts.js";
import {
  cancelledRunsStayDown,
  enqueuedRunsStart,
  nothingRunsUnasked,
  runsByHandStart,
  staleWritesAreRefused,
} from "./rule-asked.js";
import { boundsHold } from "./rule-bounds.js";
import { cancelledRunsEnd, openRunsCanBeCancelled, removedRunsEnd } from "./rule-cancels.js";
import { childrenFollow } from "./rule-children.js";
import { lossesFollowDelivery } from "./rule-delivery.js";
import {
  accountForFireTimes,
  everyFireTimeIsAccountedFor,
  type FireTimes,
  lastMoment,
  nothingElseStarts,
} from "./rule-fire-times.js";
import { whatWasPausedGoesOn } from "./rule-going-on.js";
import { countHeld, heldAttemptsAnswer } from "./rule-held-attempts.js";
import { workNeedsALease } from "./rule-held-leases.js";
import { inputsArrive } from "./rule-input.js";
import { calmLatenessOf, calmStartsAreOnTime, startsAreInTime } from "./rule-lateness.js";
import { deathIsFinal, leasesAreExclusive, lossesHaveReasons, termsRise } from "./rule-leases.js";
import { startsAreLocked } from "./rule-locks.js";
import { memoryIsBack } from "./rule-memory.js";
import { misfiresAreCaughtUp } from "./rule-misfires.js";
import { missesHaveReasons } from "./rule-misses.js";
import { oneOffsRunOnce } from "./rule-one-offs.js";
import { acceptedIsRecorded, historyIsWhatWasTold, runsEndOnce, successFollowsEnd } from "./rule-outcomes.js";
import { everythingIsInItsPlace } from "./rule-partitions.js";
import { nothingStartsPaused } from "./rule-pauses.js";
import { limitsHold, maxRunsHold, overlapsHold, ratesHold } from "./rule-places.js";
import { cancelsHaveReasons, skipsHaveReasons } from "./rule-reasons.js";
import { replacedRunsEnd } from "./rule-replace.js";
import { finishedRunsAreKept } from "./rule-retention.js";
import { failuresFollowRetry } from "./rule-retries.js";
import { attemptsBeginOnce, attemptsFollow, beginsFollowClaims, tokensRise } from "./rule-starts.js";
import { stopsEnd } from "./rule-stops.js";
import {
  doctorFindsNothing,
  everythingSettles,
  nothingIsLeft,
  nothingNeedsMending,
  storeIsSound,
} from "./rule-store.js";
import { takenAwayStaysAway } from "./rule-taken-away.js";
import { timeoutsHold } from "./rule-timeouts.js";
import { tokensOutliveLosses } from "./rule-tokens.js";
import { evidenceIsWhole, nodesDoNotCrash } from "./rule-whole.js";
import { storyOf } from "./story.js";

/** What is judged of the trial as a whole, by name: also what goes from one partition to another. */
const rulesOfAll: Readonly<Record<string, HistoryRule>> = {
  everythingIsInItsPlace,
  limitsHold,
  ratesHold,
  childrenFollow,
  skipsHaveReasons,
  calmStartsAreOnTime,
  staleWritesAreRefused,
  everythingSettles,
  doctorFindsNothing,
  memoryIsBack,
  nodesDoNotCrash,
  stopsEnd,
};

/** What is judged of each partition as if there were no other. */
const rulesOfEach: Readonly<Record<string, HistoryRule>> = {
  attemptsBeginOnce,
  beginsFollowClaims,
  tokensRise,
  tokensOutliveLosses,
  attemptsFollow,
  runsEndOnce,
  acceptedIsRecorded,
  successFollowsEnd,
  historyIsWhatWasTold,
  everyFireTimeIsAccountedFor,
  nothingElseStarts,
  startsAreInTime,
  takenAwayStaysAway,
  enqueuedRunsStart,
  runsByHandStart,
  nothingRunsUnasked,
  cancelledRunsStayDown,
  nothingStartsPaused,
  whatWasPausedGoesOn,
  overlapsHold,
  replacedRunsEnd,
  maxRunsHold,
  cancelsHaveReasons,
  missesHaveReasons,
  termsRise,
  leasesAreExclusive,
  deathIsFinal,
  deadNodesStopTheirHandlers,
  workNeedsALease,
  heldAttemptsAnswer,
  lossesHaveReasons,
  lossesFollowDelivery,
  failuresFollowRetry,
  startsAreLocked,
  storeIsSound,
  nothingIsLeft,
  nothingNeedsMending,
  boundsHold,
  inputsArrive,
  timeoutsHold,
  finishedRunsAreKept,
  oneOffsRunOnce,
  misfiresAreCaughtUp,
  cancelledRunsEnd,
  removedRunsEnd,
  openRunsCanBeCancelled,
};

/** All rules, by name. */
export const historyRules: Readonly<Record<string, HistoryRule>> = { ...rulesOfAll, ...rulesOfEach };

/** The judgement of a trial from its evidence alone. */
export interface HistoryVerdict {
  readonly valid: boolean;
  /** Runs of which an attempt began. */
  readonly runs: number;
  /** Attempts that began. */
  readonly starts: number;
  /** What was required and neither began nor has a recorded reason. */
  readonly missed: number;
  /** Attempts that began more than once. */
  readonly duplicates: number;
  readonly fireTimes: Omit<FireTimes, "open">;
  /** How late the first attempts of fire times began in whose way nothing stood: no fault, pause, limit or the like. */
  readonly calmLateness: Lateness;
  readonly operations: ReturnType<typeof countOperations>;
  /** How many cases rules had to judge that leave out what a fault may have held up. */
  readonly exercised: Readonly<Record<string, number>>;
  /** How often handlers asked by `progress()` or `extend()` whether they still hold their attempt, by what they heard. */
  readonly held: Readonly<Record<string, number>>;
  /** Milliseconds from the end of the last fault until all that was due by then had ended. */
  readonly settledAfter: number | undefined;
  /** Broken rules, the first by time with its whole story. Never allowed. */
  readonly violations: readonly Violation[];
  /** How often each was broken. */
  readonly byRule: Readonly<Record<string, number>>;
  /** What the loss of acknowledged writes explains, by rule, and how many entries of the stream of events the store lost. */
  readonly lostWrites: { readonly entries: number; readonly byRule: Readonly<Record<string, number>> };
}

/** Of more violations than that only the number is told. */
export const mostTold = 100;

/**
 * Judges the evidence of a trial.
 *
 * @param options `whole`: the trial came to its end, so that no part of the evidence may be missing. @default false
 */
export function judgeHistory(
  evidence: readonly Evidence[],
  { whole = false }: { whole?: boolean } = {},
): HistoryVerdict {
  const ledger = ledgerOf(evidence);
  const judged = judgeAll(ledger, [...Object.values(rulesOfAll), ...(whole ? [evidenceIsWhole] : [])]);
  const sorted = judged.flatMap(({ broken }) => broken).sort((a, b) => a.at - b.at);
  const begun = [...ledger.runs.values()].filter(({ begins }) => begins.length > 0);
  const byRule = count(sorted);
  const after = ledger.reached("settled") - ledger.reached("healed");
  return {
    valid: sorted.length === 0,
    runs: begun.length,
    starts: begun.reduce((sum, { begins }) => sum + begins.length, 0),
    missed: byRule["missed"] ?? 0,
    duplicates: byRule["duplicate"] ?? 0,
    fireTimes: fireTimesOf(ledger),
    calmLateness: calmLatenessOf(ledger),
    operations: countOperations(ledger.operations),
    exercised: sumOf([...new Set([ledger, ...ledger.parts])].map((one) => one.exercised)),
    held: countHeld(evidence),
    settledAfter: Number.isFinite(after) ? after : undefined,
    violations: sorted.slice(0, mostTold).map((finding, index) => ({
      rule: finding.rule,
      message: finding.message,
      story: index === 0 ? storyOf(ledger, finding) : [],
    })),
    byRule,
    lostWrites: {
      entries: judged.reduce((sum, { lost }) => sum + lost, 0),
      byRule: count(judged.flatMap(({ explained }) => explained)),
    },
  };
}

/** What is broken, and what the writes explain that the store has lost: how many entries of its stream of events. */
interface Judged {
  readonly broken: readonly Finding[];
  readonly explained: readonly Finding[];
  readonly lost: number;
}

/** The trial as a whole, and each partition. */
function judgeAll(ledger: Ledger, ofAll: readonly HistoryRule[]): Judged[] {
  const judge = (one: Ledger, rules: readonly HistoryRule[], losses: Losses): Omit<Judged, "lost"> => {
    const found = rules.flatMap((rule) => rule(one));
    const isAllowed = (finding: Finding): boolean => !one.trial.keepsWrites && losses.explains(finding);
    return { broken: found.filter((finding) => !isAllowed(finding)), explained: found.filter(isAllowed) };
  };
  const ofEach = Object.values(rulesOfEach);
  const [first] = ledger.parts;
  const losses = new Losses(first.evidence);
  return [
    { ...judge(ledger, ofAll, first === ledger ? losses : new Losses(ledger.evidence)), lost: 0 },
    ...ledger.parts.map((part) => {
      const own = part === first ? losses : new Losses(part.evidence, losses);
      return { ...judge(part, ofEach, own), lost: own.entries };
    }),
  ];
}

function fireTimesOf(ledger: Ledger): HistoryVerdict["fireTimes"] {
  const until = Math.min(ledger.reached("healed"), lastMoment(ledger));
  const each = ledger.parts.map((part) => accountForFireTimes(part, until));
  const sum = (of: "required" | "permitted"): number => each.reduce((all, one) => all + one[of], 0);
  return { required: sum("required"), permitted: sum("permitted"), by: sumOf(each.map(({ by }) => by)) };
}

function sumOf(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const one of counts)
    for (const [name, number] of Object.entries(one)) sums[name] = (sums[name] ?? 0) + number;
  return sums;
}

function count(found: readonly Finding[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { rule } of found) counts[rule] = (counts[rule] ?? 0) + 1;
  return counts;
}
