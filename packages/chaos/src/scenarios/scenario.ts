import type { Verdict } from "../checker/judge.js";
import type { Lateness } from "../checker/lateness.js";
import type { Fault } from "../trial.js";

/** Something that a scenario claims. */
export interface Check {
  readonly says: string;
  readonly holds: boolean;
  /** What was seen. */
  readonly seen: unknown;
  /** It is about milliseconds, which other load on the machine can spoil. */
  readonly timing?: boolean;
}

/** What came of a scenario. */
export interface ScenarioReport {
  readonly verdict: Verdict & { readonly open: readonly string[] };
  readonly checks: readonly Check[];
  readonly lateness: Lateness;
  readonly faults: readonly Fault[];
}

/** How long a scenario is made, where it can be made shorter than it counts for. */
export interface Length {
  /** How many nodes are killed, one after the other. @default 10 */
  readonly deaths?: number;
  /** How many fire times come a second. @default 1000 */
  readonly rate?: number;
  /** Short leases, and less of all: for tests. @default false */
  readonly short?: boolean;
}

/** A story of faults with an end that is known beforehand. */
export interface Scenario {
  readonly name: string;
  readonly about: string;
  run(length?: Length): Promise<ScenarioReport>;
}

/** Makes a check. */
export function check(says: string, holds: boolean, seen: unknown): Check {
  return { says, holds, seen };
}
