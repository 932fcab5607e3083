import type { CompiledTrigger } from "@escapement/triggers";
import type { CatchUp } from "./job.js";

/** What to materialise of a job. */
export interface Plan {
  /** Fire times to run, rising. */
  readonly fireTimes: readonly number[];
  /** The next fire time, not among them; `undefined`: there is none. */
  readonly next: number | undefined;
  /** Fire times that are not made up for: how many (at least), the first and the last of them (0 if there are none). */
  readonly missed: number;
  readonly missedFrom: number;
  readonly missedTo: number;
  /** Whether `missed` is all of them. */
  readonly exact: boolean;
}

/** How a job wants what it missed. */
export interface CatchUpRule {
  readonly grace: number;
  readonly catchUp: CatchUp;
  readonly max: number;
}

/** The most fire times of one job that one step writes. */
export const mostPerJob = 500;

/**
 * Most triggers are counted by arithmetic. Where only stepping helps (`everyRandom`, `anyOf` …) counting stops there, so that
 * the leader's loop is not held up: "at least so many".
 */
export const mostCounted = 10_000;

/**
 * Which fire times from `cursor` (a fire time) until `until` to write.
 *
 * Once the first one that waits is later than its grace, all those up to now are taken as missed together, and the job's
 * catch-up says which of them run. Nothing is enumerated but what is written.
 */
export function planFireTimes(
  trigger: CompiledTrigger,
  cursor: number,
  rule: CatchUpRule,
  now: number,
  until: number,
): Plan {
  if (now - cursor <= rule.grace)
    return { ...list(trigger, cursor, until), missed: 0, missedFrom: 0, missedTo: 0, exact: true };
  const { count, exact } = trigger.count(cursor, now, Math.max(mostCounted, rule.max));
  const backlog = count + 1;
  // Not before the cursor, whatever became of the trigger's rules since it was computed: what lies before has been written.
  const latest = Math.max(trigger.previous(now) ?? cursor, cursor);
  const made = madeUp(trigger, cursor, latest, rule, backlog);
  const missed = backlog - made.length;
  const coming = trigger.next(now);
  const rest = coming === null ? { fireTimes: [], next: undefined } : list(trigger, coming, until);
  return {
    fireTimes: [...made, ...rest.fireTimes],
    next: rest.next,
    missed,
    ...(missed === 0 ? { missedFrom: 0, missedTo: 0 } : missedBounds(trigger, cursor, latest, made)),
    exact,
  };
}

/** The first and last of the fire times from `first` to `latest` that are not among those made up for. */
function missedBounds(
  trigger: CompiledTrigger,
  first: number,
  latest: number,
  made: readonly number[],
): { missedFrom: number; missedTo: number } {
  const [earliest] = made;
  if (earliest === undefined) return { missedFrom: first, missedTo: latest };
  if (earliest === first) return { missedFrom: trigger.next(first) ?? latest, missedTo: latest };
  return { missedFrom: first, missedTo: trigger.previous(earliest - 1) ?? first };
}

function madeUp(
  trigger: CompiledTrigger,
  first: number,
  latest: number,
  rule: CatchUpRule,
  backlog: number,
): number[] {
  switch (rule.catchUp) {
    case "none":
      return [];
    case "earliest":
      return [first];
    case "latest":
      return [latest];
    case "all": {
      // The latest ones: what is older has been waited for longest and matters least.
      const times = [latest];
      while (times.length < Math.min(rule.max, backlog)) {
        const before = trigger.previous((times[0] ?? latest) - 1);
        if (before === null || before < first) break;
        times.unshift(before);
      }
      return times;
    }
  }
}

function list(
  trigger: CompiledTrigger,
  first: number,
  until: number,
): { fireTimes: number[]; next: number | undefined } {
  const fireTimes: number[] = [];
  let next: number | null = first;
  while (next !== null && next <= until && fireTimes.length < mostPerJob) {
    fireTimes.push(next);
    const following: number | null = trigger.next(next);
    // Each fire time is later than the one before: a trigger that breaks this must not write runs for ever.
    if (following !== null && following <= next)
      throw new RangeError(`the trigger went back from ${next} to ${following}`);
    next = following;
  }
  return { fireTimes, next: next ?? undefined };
}
