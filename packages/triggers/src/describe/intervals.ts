import type { EveryRandomTrigger, EveryTrigger, OnceTrigger } from "../trigger.js";
import { duration, everyInterval, instantOrDay } from "./words.js";

/** `Every 5 minutes, from 2030-01-01T00:00:00.000Z`. */
export function describeEvery({ interval, from, phase, after }: EveryTrigger): string {
  const pause = everyInterval(interval);
  const counted = after === "completion" ? `${pause} after the previous run has ended` : pause;
  const start = from === undefined ? "" : `, from ${instantOrDay(from)}`;
  return `${counted}${start}${phase ? `, shifted by ${duration(phase)}` : ""}`;
}

/** `At random, 5 minutes to 10 minutes apart`. */
export function describeEveryRandom({ min, max }: EveryRandomTrigger): string {
  return min === max ? everyInterval(min) : `At random, ${duration(min)} to ${duration(max)} apart`;
}

/** `Once, at 2030-01-01T00:00:00.000Z`. */
export function describeOnce({ at }: OnceTrigger): string {
  const [first] = at;
  const when = first === "now" ? "when created" : `at ${instantOrDay(first ?? 0)}`;
  return at.length === 1 ? `Once, ${when}` : `${at.length} times, first ${when}`;
}
