import type { Trigger } from "./trigger.js";

/** How many fire times there are. */
export interface FireTimeCount {
  /** The number found. */
  readonly count: number;
  /** Whether that is all of them; `false`: at least so many, counting stopped at the limit. */
  readonly exact: boolean;
}

/** A trigger made ready to compute with. All instants are in ms since the epoch; ±Infinity included; NaN and what is no number are refused (`INVALID_DATE`). */
export interface CompiledTrigger {
  /** The trigger in canonical form. */
  readonly trigger: Trigger;
  /**
   * The first fire time later than `after`; `null` when there is none up to the year 9999.
   *
   * @throws InvalidTriggerError `SEARCH_LIMIT` for an `allOf` or `except` whose next one lies too far to be found
   */
  next(after: number): number | null;
  /**
   * The last fire time at or before `through`; `null` when there is none from 1900 on.
   *
   * @throws InvalidTriggerError `SEARCH_LIMIT` as for `next`
   */
  previous(through: number): number | null;
  /**
   * How many fire times are later than `after` and not later than `through`. Arithmetic, whatever the number, but for
   * `everyRandom`, `anyOf`, `allOf` and `except`, which are stepped through up to `limit`.
   *
   * @param limit where to stop stepping: 0 to 100,000; default 10,000
   * @throws InvalidTriggerError `INVALID_ARGUMENT` for the limit
   */
  count(after: number, through: number, limit?: number): FireTimeCount;
}

/** The three computations behind a compiled trigger, on whole ms; `count` is left out where only stepping helps. */
export interface FireTimes {
  /** The first fire time later than `after`, or `null`. */
  next(after: number): number | null;
  /** The last fire time at or before `through`, or `null`. */
  previous(through: number): number | null;
  /** How many fire times are later than `after` and not later than `through`. */
  count?(after: number, through: number): number;
}
