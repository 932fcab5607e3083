import type { Calendar } from "../trigger.js";
import type { ExcludedWalls } from "./excluded-times.js";

/** One type of calendar: how its JSON is read and what it excludes. `timezone` is common to all and read elsewhere. */
export interface CalendarKind<T extends Calendar> {
  /** The properties that it may have beside `type` and `timezone`. */
  readonly properties: readonly string[];
  /**
   * Reads the properties into canonical form.
   *
   * @throws InvalidTriggerError
   */
  parse(properties: ReadonlyMap<string, unknown>): T;
  /** Makes a calendar in canonical form ready to compute with. @param jobId the seed of `H`, if known */
  compile(calendar: T, jobId: string | undefined): ExcludedWalls;
}
