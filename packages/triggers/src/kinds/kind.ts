import type { FireTimes } from "../compiled-trigger.js";
import type { Trigger } from "../trigger.js";

/** What a trigger needs to know of its job to be computed. */
export interface JobContext {
  /** The job's id, if known: the seed of what is hashed. */
  readonly jobId: string | undefined;
  /** The job's creation, in ms: where cadences without a start of their own count from. */
  readonly anchor: number;
  /** One of the trigger's fire times, if known: what is drawn from fire time to fire time starts with it. */
  readonly fireTime?: number | undefined;
}

/** One type of trigger: how its JSON is read (what is read may be of another type) and how its fire times are computed. */
export interface Kind<T extends Trigger, Read extends Trigger = T> {
  /** The properties that it may have beside `type`. */
  readonly properties: readonly string[];
  /** Reads at once what has been read before, if it may be that: any object. */
  again?(json: object): T | undefined;
  /**
   * Reads the properties, from JSON or a builder, into canonical form.
   *
   * @param nested reads a trigger within this one
   * @throws InvalidTriggerError
   */
  parse(properties: ReadonlyMap<string, unknown>, nested: (json: unknown) => Trigger): Read;
  /**
   * Makes a trigger in canonical form ready to compute with.
   *
   * @param nested compiles a trigger within this one
   */
  compile(trigger: T, context: JobContext, nested: (trigger: Trigger) => FireTimes): FireTimes;
}
