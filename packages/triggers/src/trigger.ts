/** Which reading of a cron expression applies. Only `"vixie"` works in this version. */
export type CronDialect = "vixie" | "quartz";

/** What becomes of a wall-clock time that a zone skips: it fires at the first valid instant after it, or not at all. */
export type GapPolicy = "next-valid" | "skip";

/** Which pass of a wall-clock time that a zone repeats is the fire time. */
export type OverlapPolicy = "first" | "second" | "both";

/** Fires when the wall clock of a time zone matches a cron expression. */
export interface CronTrigger {
  readonly type: "cron";
  /** Five fields, six with seconds first, or a macro such as `@daily`. At most 1024 characters. */
  readonly expr: string;
  /** IANA name or fixed offset such as `+05:30`. Default: `UTC`, never the zone of the machine. */
  readonly timezone?: string;
  /** Default: `"vixie"`. */
  readonly dialect?: CronDialect;
  /** Default, and all that this version knows: `"next-valid"`. */
  readonly gap?: GapPolicy;
  /** Default, and all that this version knows: `"first"`. */
  readonly overlap?: OverlapPolicy;
  /** What `H` is hashed from. Default: the job's id. */
  readonly seed?: string;
}

/** Fires at a fixed cadence, whatever the time zone and however long runs take. */
export interface EveryTrigger {
  readonly type: "every";
  /** Milliseconds between two fire times: an integer from 1 to 100 years. */
  readonly interval: number;
  /** The first fire time (before `phase`), in ms since the epoch or ISO 8601. Default: one interval after the anchor. */
  readonly from?: number | string;
  /** Milliseconds by which each fire time is shifted: an integer from 0 to less than `interval`. Default: 0. */
  readonly phase?: number;
}

/** Fires at given instants. */
export interface OnceTrigger {
  readonly type: "once";
  /** Milliseconds since the epoch, ascending without repeats; `"now"` (first if present) is the job's creation. */
  readonly at: readonly (number | "now")[];
}

/** The rule that yields fire times: plain JSON, stored as it is. */
export type Trigger = CronTrigger | EveryTrigger | OnceTrigger;
