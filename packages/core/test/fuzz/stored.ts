import { parseDuration, parseTrigger } from "@escapement/triggers";
import { expect } from "vitest";
import type { Job } from "../../src/index.js";

// What docs/semantics.md says that a job reads as, said once more: nothing here is taken from the code that stores it.

type Fields = Readonly<Record<string, unknown>>;

/** What of a job its definition says. */
const defined = [
  ...["task", "trigger", "dependsOn", "then", "input", "metadata", "queue", "tags", "priority", "overlap"],
  ...["misfire", "delivery", "maxLost", "timeout", "retry", "deadLetter", "pauseAfterFailures"],
  ...["concurrencyKey", "concurrencyLimit", "rateLimit", "startAt", "endAt", "maxRuns", "whenExhausted"],
  ...["resumeFrom", "jitter", "retain"],
] as const satisfies (keyof Job)[];

/** The least that is told of durations in {@link ms}; all others are read by the triggers' own rule. */
const written: Readonly<Record<string, number>> = {
  ...{
    "1ms": 1,
    "2s": 2000,
    "30s": 30_000,
    "90s": 90_000,
    PT90S: 90_000,
    "1m": 60_000,
    PT1M: 60_000,
    PT1S: 1000,
  },
  ...{
    "5m": 300_000,
    "1h": 3_600_000,
    PT1H: 3_600_000,
    "1.5h": 5_400_000,
    "1h30m": 5_400_000,
    "2h": 7_200_000,
  },
  ...{ "24h": 86_400_000, P1DT12H: 129_600_000, "30d": 2_592_000_000, "0": 0 },
};

function ms(value: unknown): number {
  if (typeof value === "number") return value + 0;
  return Object.hasOwn(written, String(value))
    ? (written[String(value)] ?? 0)
    : parseDuration(value as string);
}

const date = (value: unknown): Date => new Date(value as Date | string | number);

function backoff(value: unknown): unknown {
  if (typeof value === "string" && /^[A-Za-z_][\w.-]*$/.test(value)) return value;
  if (typeof value === "string" || typeof value === "number")
    return { type: "fixed", delay: ms(value), max: ms(value), factor: 1 };
  const { type = "exponential", delay = 1000, max, factor = 2 } = (value ?? {}) as Fields;
  return { type, delay: ms(delay), max: ms(max ?? Math.max(3_600_000, ms(delay))), factor };
}

function retry(value: unknown): unknown {
  const { attempts = 1, backoff: wait, jitter = 0 } = (value ?? {}) as Fields;
  return attempts === 1 ? undefined : { attempts, backoff: backoff(wait), jitter };
}

function misfire(value: unknown): unknown {
  const { grace = 60_000, catchUp = "latest", max = 100 } = (value ?? {}) as Fields;
  // It bounds "all" alone, and is not kept for others.
  return { grace: ms(grace), catchUp, max: catchUp === "all" ? max : 100 };
}

function keyLimits({ concurrencyKey, concurrencyLimit, rateLimit }: Fields): Fields {
  if (concurrencyKey === undefined) return {};
  const usual = rateLimit === undefined ? 1 : 1_000_000;
  const limit = concurrencyLimit ?? usual;
  const { max, whenFull = "wait" } = (typeof limit === "number" ? { max: limit } : limit) as Fields;
  const rate = rateLimit as { max: number; per: unknown } | undefined;
  return {
    concurrencyKey,
    concurrencyLimit: { max, whenFull },
    rateLimit: rate && { max: rate.max, per: ms(rate.per) },
  };
}

function retain(value: unknown): unknown {
  const { runs, failed, age, results } = (value ?? {}) as Fields;
  const times = {
    age: age === undefined ? age : ms(age),
    results: results === undefined ? results : ms(results),
  };
  const said = Object.entries({ runs, failed, ...times }).filter(([, part]) => part !== undefined);
  return said.length === 0 ? undefined : Object.fromEntries(said);
}

const nameOf = (task: unknown): unknown => (typeof task === "string" ? task : (task as Fields)?.["name"]);
const set = (value: unknown): unknown => [...new Set((value ?? []) as unknown[])];
const or = <T>(value: unknown, usual: T, read = (given: unknown): unknown => given): unknown =>
  value === undefined ? usual : read(value);

/** A job as it has to read once it was defined like this. */
export function asStored(given: Fields): Fields {
  return {
    task: nameOf(given["task"]),
    trigger: or(given["trigger"], undefined, parseTrigger),
    dependsOn: set(given["dependsOn"]),
    then: set(given["then"]),
    input: given["input"],
    metadata: given["metadata"],
    queue: or(given["queue"], "default"),
    tags: set(given["tags"]),
    priority: or(given["priority"], 0),
    overlap: or(given["overlap"], "skip"),
    misfire: misfire(given["misfire"]),
    delivery: or(given["delivery"], "at-least-once"),
    maxLost: or(given["maxLost"], 3),
    timeout: or(given["timeout"], undefined, ms),
    retry: retry(given["retry"]),
    deadLetter: or(given["deadLetter"], true),
    pauseAfterFailures: given["pauseAfterFailures"],
    ...keyLimits(given),
    startAt: or(given["startAt"], undefined, date),
    endAt: or(given["endAt"], undefined, date),
    maxRuns: given["maxRuns"],
    whenExhausted: or(given["whenExhausted"], "keep"),
    resumeFrom: or(given["resumeFrom"], "missed"),
    jitter: or(given["jitter"], 0, ms),
    retain: retain(given["retain"]),
  };
}

/** The same after an update: what was not given is as before, and of `misfire` what it does not say. */
export function asUpdated(before: Job, changes: Fields): Fields {
  const misfire = { ...before.misfire, ...(changes["misfire"] as Fields | undefined) };
  return asStored({ ...pick(before), ...pick(changes), task: before.task, misfire });
}

/** What is given, read by name as whoever stores it does: options may be inherited, or accessors. */
function pick(given: object): Fields {
  const found = defined.flatMap((name) => (name in given ? [[name, (given as Fields)[name]] as const] : []));
  return Object.fromEntries(found);
}

/** The fields as JSON texts: so that values, and the order within inputs, are those that JSON has. */
function texts(fields: Fields): Record<string, string> {
  const found = defined.map((name) => {
    const value = fields[name];
    const text = name === "input" || name === "metadata" ? JSON.stringify(value) : sorted(value);
    return [name, text ?? "(none)"] as const;
  });
  return Object.fromEntries(found);
}

function sorted(value: unknown): string | undefined {
  const whole: unknown = value === undefined ? undefined : JSON.parse(JSON.stringify(value));
  return JSON.stringify(whole, (_, part: unknown) =>
    part !== null && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/** Compares all that a definition says. */
export function expectDefined(job: Job, wanted: Fields): void {
  expect(texts(job as unknown as Fields), `job ${job.id}`).toEqual(texts(wanted));
}

/** Whether a job is, as far as its definition goes, what it was. */
export function isSame(job: Job, before: Job): boolean {
  const [now, then] = [job, before].map((one) => JSON.stringify(texts(one as unknown as Fields)));
  return now === then && job.set === before.set;
}

/** A job is of its next version if it was changed, and else of the one it had; with the same trigger it counts from where it did. */
export function expectVersion(job: Job, before: Job | undefined): void {
  const version = before === undefined ? 1 : before.version + (isSame(job, before) ? 0 : 1);
  expect(job.version, `version of ${job.id}`).toBe(version);
  if (before !== undefined && sorted(before.trigger) === sorted(job.trigger))
    expect(job.createdAt).toEqual(before.createdAt);
}
