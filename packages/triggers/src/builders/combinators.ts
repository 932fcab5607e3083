import { readPlainObject } from "../input/plain-object.js";
import { allOfKind } from "../kinds/all-of.js";
import { anyOfKind } from "../kinds/any-of.js";
import { everyRandomKind } from "../kinds/every-random.js";
import { exceptKind } from "../kinds/except.js";
import type { Kind } from "../kinds/kind.js";
import { parseTrigger } from "../parse-trigger.js";
import type {
  AllOfTrigger,
  AnyOfTrigger,
  Calendar,
  EveryRandomTrigger,
  ExceptTrigger,
  Trigger,
} from "../trigger.js";
import { flatten, splitOptions } from "./split-options.js";

/** Options of {@link allOf}. */
export interface AllOfOptions {
  /** By how much the fire times may lie apart, up to 24 hours: ms, `"5m"` or ISO 8601. Default: 0. */
  readonly tolerance?: number | string | undefined;
}

/**
 * A trigger that fires when one of 1 to 100 triggers does: `anyOf(cron("0 9 * * *"), once("2030-01-01T12:00:00Z"))`.
 * What several fire at together is one fire time.
 *
 * @throws InvalidTriggerError `INVALID_FIELD` for too many or none; whatever `parseTrigger` refuses
 */
export function anyOf(...triggers: readonly Trigger[]): AnyOfTrigger;
export function anyOf(triggers: readonly Trigger[]): AnyOfTrigger;
export function anyOf(...args: readonly unknown[]): AnyOfTrigger {
  return build(anyOfKind, { triggers: flatten(args) });
}

/**
 * A trigger that fires when all of 1 to 100 triggers do: `allOf(every("7m"), cron("0 9 * * *"))`. With a tolerance it is
 * enough that all fire within it, and the earliest of them counts: `allOf(a, b, { tolerance: "5m" })`.
 *
 * Fire times in common are searched for, up to a limit: what lies beyond 5000 fire times that do not count is not found.
 *
 * @throws InvalidTriggerError `INVALID_FIELD` for too many or none, `INVALID_INTERVAL`; whatever `parseTrigger` refuses
 */
export function allOf(...triggers: readonly Trigger[]): AllOfTrigger;
export function allOf(...args: readonly [...triggers: Trigger[], options: AllOfOptions]): AllOfTrigger;
export function allOf(triggers: readonly Trigger[], options?: AllOfOptions): AllOfTrigger;
export function allOf(...args: readonly unknown[]): AllOfTrigger {
  const { items, options } = splitOptions(args);
  const given = readPlainObject(options, ["tolerance"], "the options of allOf");
  return build(allOfKind, { triggers: items, tolerance: given.get("tolerance") });
}

/**
 * A trigger that fires when another one does, but for what a calendar excludes:
 * `except(cron("0 9 * * *", { timezone: "Europe/Berlin" }), calendar.weekdays("sat", "sun"))`. Of several calendars each
 * takes away its own.
 *
 * @throws InvalidTriggerError whatever `parseTrigger` refuses
 */
export function except(
  trigger: Trigger,
  calendar: Calendar,
  ...calendars: readonly Calendar[]
): ExceptTrigger {
  const first = build(exceptKind, { trigger, calendar });
  return calendars.reduce<ExceptTrigger>(
    (inner, next) => build(exceptKind, { trigger: inner, calendar: next }),
    first,
  );
}

/**
 * A trigger that fires after pauses between `min` and `max`, drawn by hash of the job's id and the fire time before: random
 * to look at, but the same on each node and in each preview.
 *
 * @param min the shortest pause: ms, `"30s"` or ISO 8601
 * @param max the longest pause
 * @throws InvalidTriggerError `INVALID_INTERVAL`
 */
export function everyRandom(min: number | string, max: number | string): EveryRandomTrigger {
  return build(everyRandomKind, { min, max });
}

function build<T extends Trigger>(kind: Kind<T>, given: Readonly<Record<string, unknown>>): T {
  const properties = new Map(Object.entries(given).filter(([, value]) => value !== undefined));
  const trigger = kind.parse(properties, parseTrigger);
  // Only the whole shows whether there are too many triggers within each other.
  parseTrigger(trigger);
  return trigger;
}
