import { fields, oneOf, orElse, whole } from "./check.js";
import { duration } from "./times.js";

/** How many runs may run at once in the whole cluster, and what becomes of one that finds no place. */
export interface Limit {
  /** 1 to 1 000 000. */
  readonly max: number;
  /** `wait`: it waits for a place, until its misfire grace is over; `skip`: it is recorded as skipped. @default "wait" */
  readonly whenFull?: "wait" | "skip";
}

/** A limit and what it is of, as scripts are told. */
export interface ScopedLimit {
  /** `all`, `queue:<queue>` or `task:<task>`. */
  readonly scope: string;
  readonly max: number;
  readonly how: "w" | "s";
}

/**
 * Checks a limit.
 *
 * @throws InvalidOptionError
 */
export function limitOf(path: string, value: unknown): Required<Limit> | undefined {
  if (value === undefined) return undefined;
  const given = typeof value === "number" ? { max: value } : fields(path, value, ["max", "whenFull"]);
  return {
    max: whole(`${path}.max`, given["max"], 1, 1_000_000),
    whenFull: oneOf(`${path}.whenFull`, orElse(given["whenFull"], "wait"), ["wait", "skip"]),
  };
}

/** A limit of a scope, as scripts are told; none if there is no limit. */
export function scoped(scope: string, limit: Required<Limit> | undefined): ScopedLimit[] {
  return limit === undefined ? [] : [{ scope, max: limit.max, how: limit.whenFull === "wait" ? "w" : "s" }];
}

/** How many runs may start within any period of a length, in the whole cluster; what would be one more waits. */
export interface RateLimit {
  /** 1 to 10 000. */
  readonly max: number;
  /** Milliseconds (or a duration), up to a day. */
  readonly per: number | string;
}

/** A rate, in ms, and what it is of, as scripts are told. */
export interface ScopedRate {
  /** `queue:<queue>` or `task:<task>`. */
  readonly scope: string;
  readonly max: number;
  readonly per: number;
}

/** A {@link RateLimit} as it is stored. */
export interface Rate {
  readonly max: number;
  /** Milliseconds. */
  readonly per: number;
}

/**
 * Checks a rate limit.
 *
 * @throws InvalidOptionError
 */
export function rateOf(path: string, value: unknown): Rate | undefined {
  if (value === undefined) return undefined;
  const given = fields(path, value, ["max", "per"]);
  return {
    max: whole(`${path}.max`, given["max"], 1, 10_000),
    per: duration(`${path}.per`, given["per"], 1, 86_400_000),
  };
}
