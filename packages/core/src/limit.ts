import { fields, oneOf, whole } from "./check.js";

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
    whenFull: oneOf(`${path}.whenFull`, given["whenFull"] ?? "wait", ["wait", "skip"]),
  };
}

/** A limit of a scope, as scripts are told; none if there is no limit. */
export function scoped(scope: string, limit: Required<Limit> | undefined): ScopedLimit[] {
  return limit === undefined ? [] : [{ scope, max: limit.max, how: limit.whenFull === "wait" ? "w" : "s" }];
}
