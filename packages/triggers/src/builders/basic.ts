import { readPlainObject } from "../input/plain-object.js";
import { cronKind } from "../kinds/cron.js";
import { everyKind } from "../kinds/every.js";
import { onceKind } from "../kinds/once.js";
import type {
  CronDialect,
  CronTrigger,
  EveryTrigger,
  GapPolicy,
  OnceTrigger,
  OverlapPolicy,
} from "../trigger.js";

/** Options of {@link cron}; what each means stands at `CronTrigger`. */
export interface CronOptions {
  /** IANA name or offset. Default: the expression's `CRON_TZ=` prefix, else `UTC`. */
  readonly timezone?: string | undefined;
  /** Default: `"vixie"`. */
  readonly dialect?: CronDialect | undefined;
  /** Default: `"next-valid"`. */
  readonly gap?: GapPolicy | undefined;
  /** Default: `"first"`. */
  readonly overlap?: OverlapPolicy | undefined;
  /** What `H` is hashed from, 1 to 256 characters. Default: the job's id. */
  readonly seed?: string | undefined;
}

/** Options of {@link every}. */
export interface EveryOptions {
  /** The first fire time, before `phase`: a Date, ms, or ISO 8601. Default: one interval after the job's creation. */
  readonly from?: Date | string | number | undefined;
  /** Shifts each fire time by this much: a duration or 0, less than the interval. Default: 0. */
  readonly phase?: number | string | undefined;
  /** `"completion"`: count from the end of the previous run instead of keeping a cadence. */
  readonly after?: "completion" | undefined;
}

/**
 * A trigger that fires when the wall clock matches: `cron("0 9 * * mon-fri", { timezone: "Europe/Berlin" })`.
 *
 * Dialect `vixie`: five fields, or six with seconds first; `quartz`: six, or seven with years last. Or `@hourly`, `@daily`,
 * `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`, or `@every 90s`, which gives an `every` trigger (and has no
 * use for the options). A prefix `CRON_TZ=Europe/Berlin ` names the zone.
 *
 * @throws InvalidTriggerError see its codes; `NEVER_FIRES` when no date matches
 */
export function cron(expr: string, options: CronOptions = {}): CronTrigger | EveryTrigger {
  const given = readPlainObject(options, cronOptions, "the options of cron");
  const known = given.size === 0 ? cronKind.again?.({ type: "cron", expr }) : undefined;
  if (known !== undefined) return known;
  return cronKind.parse(new Map(given).set("expr", expr), noneWithin);
}

/**
 * A trigger that fires at a fixed cadence: `every("1h30m")`, `every(90_000, { from: "2030-01-01T00:00:00Z" })`.
 *
 * @param interval ms, `"90s"`, `"1h30m"` or ISO 8601 `"PT90S"`: 1 ms to 100 years
 * @throws InvalidTriggerError `INVALID_INTERVAL`, `INVALID_DATE`, `INVALID_FIELD`, `INVALID_TRIGGER`
 */
export function every(interval: number | string, options: EveryOptions = {}): EveryTrigger {
  const given = readPlainObject(
    options,
    everyKind.properties.filter((name) => name !== "interval"),
    "the options of every",
  );
  return everyKind.parse(new Map(given).set("interval", interval), noneWithin);
}

/**
 * A trigger that fires at given instants: `once("2030-01-01T09:00:00+01:00")`, `once("now")`. They are sorted and
 * repeats dropped. `"now"` is the job's creation by the clock of Redis, so that it stays `"now"` in the trigger.
 * Instants in the past are left to `assertFires`, which knows the time.
 *
 * @throws InvalidTriggerError `INVALID_DATE`
 */
export function once(...dates: readonly (Date | string | number)[]): OnceTrigger;
export function once(dates: readonly (Date | string | number)[]): OnceTrigger;
export function once(...dates: readonly unknown[]): OnceTrigger {
  const [list] = dates;
  return onceKind.parse(
    new Map([["at", dates.length === 1 && Array.isArray(list) ? list : dates]]),
    noneWithin,
  );
}

const cronOptions = cronKind.properties.filter((name) => name !== "expr");

/** These triggers hold no others. */
function noneWithin(): never {
  throw new TypeError("a trigger within one that holds none");
}
