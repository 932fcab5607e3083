import { parseTrigger, type Trigger } from "@escapement/triggers";
import { fields, flag, inputJson, nameAt, names, oneOf, orElse, whole } from "./check.js";
import { InvalidOptionError } from "./errors.js";
import type { CatchUp, Delivery, JobOptions, Overlap } from "./job.js";
import { type Limit, limitOf, type Rate, rateOf } from "./limit.js";
import { type Retain, retainOf } from "./retention.js";
import type { Retry } from "./retry.js";
import { retryOptions } from "./retry-options.js";
import { duration, instant } from "./times.js";

/** The most bytes of JSON in an input or metadata, when nothing else is set. */
export const defaultMaxInput: number = 65_536;

const grace = 60_000;

/** A job's definition with every default filled in: what the record in the store says. */
export interface Definition {
  readonly task: string;
  /** None for a job that starts when the runs of others have succeeded. */
  readonly trigger: Trigger | undefined;
  /** Jobs whose runs its own wait for. */
  readonly dependsOn: readonly string[];
  /** Jobs whose runs wait for its own. */
  readonly then: readonly string[];
  readonly queue: string;
  readonly tags: readonly string[];
  readonly priority: number;
  readonly overlap: Overlap;
  readonly grace: number;
  readonly catchUp: CatchUp;
  readonly max: number;
  readonly delivery: Delivery;
  readonly maxLost: number;
  readonly timeout: number | undefined;
  readonly retry: Retry | undefined;
  readonly deadLetter: boolean;
  readonly pauseAfterFailures: number | undefined;
  readonly concurrencyKey: string | undefined;
  readonly concurrencyLimit: Required<Limit> | undefined;
  readonly rateLimit: Rate | undefined;
  /** Milliseconds since the epoch. */
  readonly startAt: number | undefined;
  readonly endAt: number | undefined;
  readonly maxRuns: number | undefined;
  readonly whenExhausted: "keep" | "remove";
  readonly resumeFrom: "missed" | "now";
  readonly jitter: number;
  readonly retain: Retain | undefined;
  /** JSON texts. */
  readonly input: string | undefined;
  readonly metadata: string | undefined;
}

/** The forms of overlap. */
export const overlaps: readonly Overlap[] = [
  "skip",
  "allow",
  "queue-one",
  "queue-all",
  "cancel-running",
  "replace",
];

const catchUps: readonly CatchUp[] = ["none", "latest", "earliest", "all"];

const known = [
  "id",
  "task",
  "trigger",
  "dependsOn",
  "then",
  "input",
  "metadata",
  "queue",
  "tags",
  "priority",
  "overlap",
  "misfire",
  "delivery",
  "maxLost",
  "timeout",
  "retry",
  "deadLetter",
  "pauseAfterFailures",
  "concurrencyKey",
  "concurrencyLimit",
  "rateLimit",
  "startAt",
  "endAt",
  "maxRuns",
  "whenExhausted",
  "resumeFrom",
  "jitter",
  "retain",
  "onConflict",
] as const satisfies (keyof JobOptions | "task")[];

/** The options of a job that `update` can change. */
export const changeable: readonly string[] = known.filter(
  (name) => !["id", "task", "onConflict"].includes(name),
);

/** A job's options, each read once. @throws InvalidOptionError for what are none */
export function jobOptions(options: unknown): JobOptions {
  return fields("options", options, known) as unknown as JobOptions;
}

/**
 * Checks a job's options and fills in the defaults.
 *
 * @param read whether they are what {@link jobOptions} has read
 * @throws InvalidOptionError for an option; InvalidTriggerError for the trigger
 */
export function defineJob(task: string, options: JobOptions, maxInput: number, read = false): Definition {
  const given = read ? (options as unknown as Record<string, unknown>) : fields("options", options, known);
  nameAt("id", given["id"]);
  oneOf("onConflict", orElse(given["onConflict"], "replace"), ["replace", "keep", "error"]);
  const misfire: Record<string, unknown> =
    given["misfire"] === undefined ? {} : fields("misfire", given["misfire"], ["grace", "catchUp", "max"]);
  // Field by field: what is spread together costs more than all the checks.
  const dependsOn = names("dependsOn", given["dependsOn"], 20);
  const followed = names("then", given["then"], 20);
  const scheduling = schedulingOptions(given);
  const trigger = triggerOf(given, scheduling);
  const shared = sharedOptions(given);
  return {
    task: nameAt("task", task),
    trigger,
    dependsOn,
    then: followed,
    startAt: scheduling.startAt,
    endAt: scheduling.endAt,
    maxRuns: scheduling.maxRuns,
    whenExhausted: scheduling.whenExhausted,
    jitter: scheduling.jitter,
    overlap: oneOf("overlap", orElse(given["overlap"], "skip"), overlaps),
    grace: duration("misfire.grace", orElse(misfire["grace"], grace), 0),
    catchUp: oneOf("misfire.catchUp", orElse(misfire["catchUp"], "latest"), catchUps),
    max: whole("misfire.max", orElse(misfire["max"], 100), 1, 1000),
    resumeFrom: oneOf("resumeFrom", orElse(given["resumeFrom"], "missed"), ["missed", "now"]),
    retain: retainOf(given["retain"]),
    pauseAfterFailures:
      given["pauseAfterFailures"] === undefined
        ? undefined
        : whole("pauseAfterFailures", given["pauseAfterFailures"], 1, 1000),
    tags: names("tags", given["tags"], 20),
    input: inputJson("input", given["input"], maxInput),
    metadata: inputJson("metadata", given["metadata"], maxInput),
    concurrencyKey: shared.concurrencyKey,
    concurrencyLimit: shared.concurrencyLimit,
    rateLimit: shared.rateLimit,
    retry: shared.retry,
    deadLetter: shared.deadLetter,
    queue: shared.queue,
    priority: shared.priority,
    delivery: shared.delivery,
    maxLost: shared.maxLost,
    timeout: shared.timeout,
  };
}

/** What a job fires by, unless only when the runs of others have succeeded. */
function triggerOf(
  given: Record<string, unknown>,
  scheduling: ReturnType<typeof schedulingOptions>,
): Trigger | undefined {
  if (given["trigger"] !== undefined) return parseTrigger(given["trigger"]);
  if (given["dependsOn"] === undefined) {
    throw new InvalidOptionError(
      "trigger",
      'is missing. Give one such as cron("0 9 * * *") or every("90s"), or dependsOn for a job that follows others.',
    );
  }
  for (const name of ["startAt", "endAt", "jitter"] as const)
    if (scheduling[name] !== undefined && scheduling[name] !== 0)
      throw new InvalidOptionError(name, "is about a trigger, and this job has none.");
  return undefined;
}

/** From when on, until when, how often and how exactly a job fires. */
function schedulingOptions(
  given: Record<string, unknown>,
): Pick<Definition, "startAt" | "endAt" | "maxRuns" | "whenExhausted" | "jitter"> {
  const [startAt, endAt] = [instant("startAt", given["startAt"]), instant("endAt", given["endAt"])];
  if (startAt !== undefined && endAt !== undefined && endAt < startAt) {
    throw new InvalidOptionError("endAt", "is before startAt: nothing would ever run.");
  }
  return {
    startAt,
    endAt,
    maxRuns:
      given["maxRuns"] === undefined ? undefined : whole("maxRuns", given["maxRuns"], 1, 1_000_000_000),
    whenExhausted: oneOf("whenExhausted", orElse(given["whenExhausted"], "keep"), ["keep", "remove"]),
    jitter: duration("jitter", orElse(given["jitter"], 0), 0, 86_400_000),
  };
}

/** What jobs and enqueued runs have in common. */
export type Shared = Pick<
  Definition,
  | "task"
  | "input"
  | "queue"
  | "priority"
  | "delivery"
  | "maxLost"
  | "timeout"
  | "retry"
  | "deadLetter"
  | "concurrencyKey"
  | "concurrencyLimit"
  | "rateLimit"
>;

function keyLimit(
  given: Record<string, unknown>,
): Pick<Definition, "concurrencyKey" | "concurrencyLimit" | "rateLimit"> {
  const { concurrencyKey, concurrencyLimit } = given;
  const rateLimit = rateOf("rateLimit", given["rateLimit"]);
  if (concurrencyKey === undefined) {
    for (const name of ["concurrencyLimit", "rateLimit"])
      if (given[name] !== undefined)
        throw new InvalidOptionError(
          name,
          "is a limit of a concurrencyKey: give one, or limit the task or queue.",
        );
    return { concurrencyKey: undefined, concurrencyLimit: undefined, rateLimit: undefined };
  }
  return {
    rateLimit,
    concurrencyKey: nameAt("concurrencyKey", concurrencyKey),
    // With a rate alone the key limits nothing else.
    concurrencyLimit: limitOf(
      "concurrencyLimit",
      orElse(concurrencyLimit, rateLimit === undefined ? 1 : 1_000_000),
    ),
  };
}

/** The options that jobs and enqueued runs have in common. */
export function sharedOptions(given: Record<string, unknown>): Omit<Shared, "task" | "input"> {
  const { concurrencyKey, concurrencyLimit, rateLimit } = keyLimit(given);
  return {
    concurrencyKey,
    concurrencyLimit,
    rateLimit,
    retry: retryOptions(given["retry"]),
    deadLetter: flag("deadLetter", orElse(given["deadLetter"], true)),
    queue: nameAt("queue", orElse(given["queue"], "default")),
    priority: whole("priority", orElse(given["priority"], 0), -1000, 1000),
    delivery: oneOf("delivery", orElse(given["delivery"], "at-least-once"), [
      "at-least-once",
      "at-most-once",
    ]),
    maxLost: whole("maxLost", orElse(given["maxLost"], 3), 0, 1000),
    timeout: given["timeout"] === undefined ? undefined : duration("timeout", given["timeout"], 1),
  };
}
