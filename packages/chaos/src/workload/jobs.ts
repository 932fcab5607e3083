import type { Overlap } from "@escapement/core";
import { cron, every, everyRandom, once } from "@escapement/triggers";
import type { Random } from "../random.js";
import { onceIn } from "./choices.js";
import type { PlannedJob } from "./operations.js";
import { wallClockJobs } from "./wall-clock-jobs.js";

/** How many tags there are: `t0`, `t1`, …; each job has one. */
export const tagCount = 5;

type Draft = Omit<PlannedJob, "task" | "id"> & { readonly task?: string };

const policies: readonly Overlap[] = ["skip", "queue-one", "queue-all", "cancel-running", "replace"];

/**
 * The jobs of the seeded mode. The first word of an id says what is done with a job while faults happen: see driver.ts.
 *
 * @param begin when the faults begin, ms; whatever can be is anchored there, so that fire times follow from the definition alone
 */
export function plannedJobs(begin: number, duration: number): PlannedJob[] {
  const from = new Date(begin).toISOString();
  const drafts: [string, number, (index: number) => Draft][] = [
    ["firm", 12, () => ({ trigger: every("1s", { from }), overlap: "allow", input: { work: 20 } })],
    ["cron", 4, (index) => ({ trigger: cron(`*/${index + 1} * * * * *`), input: { work: 30 } })],
    ["shift", 6, (index) => ({ trigger: shifted(begin, index), overlap: "allow", input: { work: 10 } })],
    ["edit", 4, () => ({ trigger: every("900ms", { from }), input: { work: 40 } })],
    ["guest", 5, (index) => guest(begin, index, `guest-${index + 1}`)],
    ["lap", 5, (index) => lap(from, policies[index] ?? "skip")],
    ["key", 3, () => keyed(from, "wait")],
    ["rare", 2, () => keyed(from, "skip")],
    ["rate", 2, () => rated(from)],
    ["narrow", 3, () => ({ trigger: every("2s", { from }), queue: "narrow", input: { work: 500 } })],
    ["slow", 4, () => ({ trigger: every("2s", { from }), queue: "slow", overlap: "allow" })],
    ["pair", 3, () => ({ trigger: every("2s", { from }), task: "pair", input: { work: 400 } })],
    ["solo", 2, () => ({ trigger: every("1s", { from }), task: "solo", input: { work: 600 } })],
    ["rated", 3, () => ({ trigger: every("2s", { from }), task: "rated", overlap: "allow" })],
    ["fails", 4, (index) => failing(from, index)],
    ["timeout", 3, (index) => slow(from, index)],
    [
      "once-only",
      4,
      (index) => ({
        trigger: every("1s", { from }),
        delivery: "at-most-once",
        input: { work: index < 2 ? 50 : 900 },
      }),
    ],
    ["last-chance", 2, (index) => ({ trigger: every("1s", { from }), maxLost: index, input: { work: 900 } })],
    ["few", 3, (index) => ({ trigger: every("1s", { from }), overlap: "allow", maxRuns: 8 + 4 * index })],
    ["ends", 2, () => ({ trigger: every("500ms", { from }), endAt: at(begin + duration / 2) })],
    [
      "starts",
      2,
      (index) => ({
        trigger: every("500ms", { from }),
        startAt: at(begin + duration / 4),
        overlap: "allow",
        ...(index === 1 && { endAt: at(begin + (duration * 3) / 4) }),
      }),
    ],
    ["grace", 8, (index) => graced(from, index)],
    ["random", 2, () => ({ trigger: everyRandom("500ms", "1500ms"), overlap: "allow" })],
    ["paced", 2, () => ({ trigger: every("400ms", { after: "completion" }), input: { work: 100 } })],
    ["jitter", 2, () => ({ trigger: every("2s", { from }), jitter: "1s", overlap: "allow" })],
    [
      "long",
      3,
      () => ({ trigger: every("3s", { from }), task: "long", input: { work: 4000 }, overlap: "allow" }),
    ],
    [
      "parent",
      2,
      (index) => ({ trigger: every("2s", { from }), input: { work: 60, fails: index === 1 ? [1] : [] } }),
    ],
    ["child", 2, (index) => ({ dependsOn: [`parent-${index + 1}`], input: { work: 20 } })],
  ];
  const jobs = drafts.flatMap(([word, count, draft]) =>
    Array.from(
      { length: count },
      (_, index): PlannedJob => ({ task: "tick", ...draft(index), id: `${word}-${index + 1}` }),
    ),
  );
  const all = [...jobs, ...wallClockJobs(begin, duration)];
  return all.map((job, index) => ({ ...job, tags: [`t${index % tagCount}`] }));
}

/** The triggers that a job is given in turn: no two fire at the same instants. `round`: any number. */
export function shifted(begin: number, round: number): ReturnType<typeof every> {
  const interval = 700 + 50 * (round % 7);
  return every(interval, { from: at(begin), phase: 1 + ((round * 37) % 600) });
}

/**
 * A job that comes and goes, with a cadence that is another one each time. Runs of the last ones, of one a time, take longer than a node may take
 * to hear that they are cancelled, for when their job is removed with them.
 */
export function guest(begin: number, round: number, id: string): Draft {
  const isLong = ["guest-4", "guest-5", lastGuest].includes(id);
  return { trigger: shifted(begin, round + 3), input: isLong ? { work: 9000, listens: true } : { work: 30 } };
}

/** The guest that comes when all has ended, and goes while it runs. */
export const lastGuest = "guest-last";

/** A job that is due once, now or soon, and is gone when it has run. */
export function oneOff(random: Random, id: string): PlannedJob {
  const trigger = onceIn(random, 3) ? once(new Date(Date.now() + random.between(500, 4000))) : once("now");
  return { id, task: "tick", trigger, whenExhausted: "remove", input: { work: random.between(0, 20) } };
}

function at(ms: number): string {
  return new Date(ms).toISOString();
}

/** Each run takes longer than its job's interval now and then, and listens when it is cancelled. */
function lap(from: string, overlap: Overlap): Draft {
  return {
    trigger: every("1s", { from }),
    overlap,
    input: { work: overlap === "queue-all" ? 600 : 1300, listens: true },
  };
}

/** Fire times that are late soon, so that pauses and outages of seconds are enough for each way to catch up. */
function graced(from: string, index: number): Draft {
  const catchUp = (["none", "latest", "earliest", "all"] as const)[index % 4] ?? "none";
  const misfire = { grace: index < 4 ? 1500 : 4000, catchUp, ...(catchUp === "all" && { max: 3 }) };
  return { trigger: every("400ms", { from }), overlap: "allow", misfire };
}

function keyed(from: string, whenFull: "wait" | "skip"): Draft {
  const shared = {
    concurrencyKey: `key-${whenFull}`,
    concurrencyLimit: { max: whenFull === "wait" ? 2 : 1, whenFull },
  };
  return { trigger: every("2s", { from }), overlap: "allow", input: { work: 500 }, ...shared };
}

function rated(from: string): Draft {
  const rateLimit = { max: 3, per: "2s" };
  return { trigger: every("2s", { from }), overlap: "allow", concurrencyKey: "api", rateLimit };
}

function failing(from: string, index: number): Draft {
  const fails = [[1], [1, 2], [1, 2, 3], [1]][index] ?? [1];
  const retry = { attempts: 3, backoff: { type: "fixed" as const, delay: index === 3 ? "1500ms" : "250ms" } };
  return {
    trigger: every("2s", { from }),
    overlap: index % 2 === 0 ? "allow" : "skip",
    retry,
    input: { work: 20, fails },
  };
}

/** The first listens to its signal, the second only after its grace is over, the third does not end in time at all and has another attempt. */
function slow(from: string, index: number): Draft {
  const retry = { attempts: 2, backoff: "200ms" };
  const input = { work: index === 0 ? 800 : index === 1 ? 700 : 8000, listens: index === 0 };
  return {
    trigger: every("3s", { from }),
    timeout: "300ms",
    input,
    ...(index === 2 && { retry, overlap: "allow" as const }),
  };
}
