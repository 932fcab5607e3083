import {
  isWild,
  type KnownCron,
  namesWall,
  nextByOracle,
  type Rules,
  rulesFor,
  showsMatch,
} from "./oracle.test-util.js";
import type { PeerAnswer } from "./peers.test-util.js";
import type { Situation } from "./random-instant.test-util.js";
import { changesBetween, changesNear, hour, type ZoneClock } from "./zone-clock.test-util.js";

/** A peer's answer that is not ours, with all that is needed to say why. */
export interface Difference extends Situation {
  readonly cron: KnownCron;
  readonly clock: ZoneClock;
  readonly ours: number | null;
  readonly peer: string;
  readonly answer: PeerAnswer;
}

interface Deviation {
  readonly name: string;
  readonly rules: Partial<Rules>;
}

const eitherDay: Deviation = {
  name: "day rule: one day field is enough beside */n; Vixie asks for both",
  rules: { bothDays: false },
};

// One step away from our rules, each. An answer that fits none of them is not explained.
const ofFixedTimes: readonly Deviation[] = [
  { name: "gap: nothing fires for what the gap skips; ours fires once at its end", rules: { gap: "skip" } },
  { name: "gap: fires late by the gap's length; ours fires at its end", rules: { gap: "shift" } },
  { name: "overlap: fires in both passes; ours in the first", rules: { overlap: "both" } },
  { name: "overlap: fires in the second pass; ours in the first", rules: { overlap: "second" } },
];
const ofRealTime: readonly Deviation[] = [
  { name: "gap: fires at its end; ours goes by real time", rules: { gap: "next-valid" } },
  { name: "gap: fires late by the gap's length; ours goes by real time", rules: { gap: "shift" } },
  { name: "overlap: leaves the second pass out; ours goes by real time", rules: { overlap: "first" } },
  { name: "overlap: leaves the first pass out; ours goes by real time", rules: { overlap: "second" } },
];

/**
 * Names the reason of a difference, or gives `null`: the one rule (or the rule of days and one of the zone) under which
 * the oracle gives the peer's answer, and failing that what is wrong with the answer itself.
 */
export function classify(difference: Difference): string | null {
  const { answer } = difference;
  if (answer.kind === "threw") return classifyThrow(difference, answer.message);
  const at = answer.kind === "time" ? answer.at : null;
  const rules = rulesFor(difference.cron);
  const byDays = rules.bothDays && !hasBareStar(difference.cron) ? [eitherDay] : [];
  const byZone = isWild(difference.cron) ? ofRealTime : ofFixedTimes;
  const pairs = byDays.flatMap((days) =>
    byZone.map(({ name, rules }) => ({
      name: `${days.name}; and ${name}`,
      rules: { ...days.rules, ...rules },
    })),
  );
  const fitting = [...byDays, ...byZone, ...pairs].find(
    (deviation) => under(difference, deviation.rules) === at,
  );
  if (fitting !== undefined) return fitting.name;
  const wrong = classifyWrong(difference, at, under(difference, byDays[0]?.rules ?? {}));
  return wrong !== null && byDays.length > 0 ? `${eitherDay.name}; and ${wrong}` : wrong;
}

/** The oracle's answer under rules that are not ours. */
function under({ cron, clock, after }: Difference, changed: Partial<Rules>): number | null {
  return nextByOracle(cron, clock, after, { ...rulesFor(cron), ...changed });
}

function hasBareStar({ monthDays, weekdays }: KnownCron): boolean {
  return [monthDays.text, weekdays.text].some((text) => text === "*" || text === "?");
}

function classifyThrow({ cron, ours, peer }: Difference, message: string): string | null {
  if (peer !== "cron-parser") return null;
  if (/duplicate values found/.test(message) && cron.repeats)
    return "refuses a list that names a value twice";
  if (/loop limit exceeded/.test(message) && ours !== null) return "T1: gives up, loop limit exceeded";
  return null;
}

/** @param wanted the right answer by the rule of days that the peer has */
function classifyWrong(
  { cron, clock, after }: Difference,
  at: number | null,
  wanted: number | null,
): string | null {
  if (at === null) return wanted === null ? null : "finds none: its search ends too early";
  if (at <= after) return "T2: answers with an instant that is not later";
  if (!showsMatch(cron, clock, at, false)) {
    const near = changesNear(clock, at, at).length > 0;
    return `the expression does not match its answer, ${near ? "near" : "far from"} a change of clocks`;
  }
  if (wanted === null || at < wanted) return null;
  // A time that the gap skips, shown again as much later as the gap is long; what the zone shows before that is passed over.
  const skipping = changesBetween(clock, at - 2 * hour, at).find(
    (change) => at < change.at + change.after - change.before && namesWall(cron, at + change.before, false),
  );
  if (skipping !== undefined)
    return "gap: fires late by the gap's length, and leaves out matches before that";
  // It jumps over the change to the next full hour or day, and over what lies between.
  const changeAhead = changesBetween(clock, after, after + hour + 1000).length > 0;
  if (changeAhead) return "leaves a match out, asked within the hour before a change";
  const behindGap = changesBetween(clock, wanted - hour, wanted).some(({ before, after }) => after > before);
  return behindGap ? "leaves a match out, which is within the hour behind a gap" : null;
}

/** Whether a peer's answer is ours: the same instant, or none (or a refusal for that reason) where we find none. */
export function sameAnswer(ours: number | null, answer: PeerAnswer): boolean {
  if (answer.kind === "time") return answer.at === ours;
  if (ours !== null) return false;
  // cron-parser's words for a day that none of the months has, and for a search that found nothing.
  return answer.kind === "none" || /Invalid explicit day of month|loop limit exceeded/.test(answer.message);
}
