import type { JobOptions, Misfire, Overlap } from "@escapement/core";
import { every } from "@escapement/triggers";
import { factsOf } from "../checker/case.js";
import { latenessOf } from "../checker/lateness.js";
import type { Evidence } from "../evidence/evidence.js";
import { taskNames } from "../nodes/node-config.js";
import { type PlannedPause, planPauses } from "../pauses/pause-plan.js";
import {
  judgePauses,
  latestOf,
  leftAlone,
  mostAfterPause,
  mostUntilGoingOn,
  type Pausable,
  type PauseFindings,
  pausableOf,
  pausesOf,
} from "../pauses/pause-rules.js";
import { type PauseSpan, periodsOf } from "../pauses/pause-spans.js";
import { Pauser } from "../pauses/pauser.js";
import { seededRandom } from "../random.js";
import { Trial } from "../trial.js";
import { type Check, check, type Scenario, type ScenarioReport } from "./scenario.js";

/** How much is paused, and of how many jobs. */
interface Pauses {
  readonly jobs: number;
  readonly count: number;
  /** Milliseconds in which they begin. */
  readonly over: number;
  readonly seed: number;
}

type ChimingJob = JobOptions & {
  readonly task: string;
  readonly queue: string;
  readonly tags: readonly string[];
};

const queues = ["default", "mail", "reports", "sync"] as const;
const tags = ["emea", "apac", "month-end"] as const;
const overlaps: readonly Overlap[] = ["allow", "skip", "queue-one", "replace", "queue-all", "cancel-running"];
// A pause is longer than the grace of some jobs, and than that of none of the others.
const misfires: readonly Misfire[] = [
  {},
  { grace: "1500ms" },
  { grace: "1500ms", catchUp: "none" },
  {},
  { grace: "1500ms", catchUp: "all", max: 2 },
  { grace: "1500ms", catchUp: "earliest" },
];

/** Pauses of all six kinds by nothing but the command line client, under load: nothing of what they name starts, all else goes on. */
export function pausingByKeys(options: Pauses): Scenario {
  return {
    name: "pause-keys",
    about: `${options.count} pauses and resumes of all six kinds by redis-cli alone, of ${options.jobs} jobs that fire each second`,
    async run(): Promise<ScenarioReport> {
      await using trial = await Trial.start({
        nodes: 3,
        scheduler: { queues, concurrency: 60, lookahead: "3s", leaderTtl: "2s" },
      });
      const jobs = chimingJobs(options.jobs);
      for (const task of taskNames)
        await trial.define(
          task,
          jobs.filter((job) => job.task === task).map(({ task: _, ...job }) => job),
        );
      const begin = Date.now();
      await trial.started(begin + 2000);
      const things = jobs.map(pausable);
      const planned = planPauses(seededRandom(options.seed), {
        ...options,
        jobs: things as [Pausable, ...Pausable[]],
        nodes: ["n1", "n2", "n3"],
      });
      const enqueued = await carryOut(trial, planned);
      await trial.started(Date.now() + 4000);
      const verdict = await trial.verdict(Date.now());
      const evidence = trial.evidence.read();
      const all = [...things, ...enqueued];
      const found = judgePauses(evidence, all);
      return {
        verdict,
        lateness: latenessOf(evidence, begin),
        faults: trial.faults,
        checks: [
          ...kept(found, planned.length),
          stacked(all, found.spans),
          ranOn(evidence, all, found.spans),
          alone(leftAlone(evidence, all, found.spans)),
          check(
            "some were missed, with the reason, and some made up for",
            (verdict.reasons["missed: misfire"] ?? 0) > 0 && found.wentOn.length > 0,
            verdict.reasons,
          ),
          check("every fire time came to its end", verdict.open.length === 0, verdict.open.length),
        ],
      };
    },
  };
}

/** The full length. */
export const pauseKeys: Scenario = pausingByKeys({ jobs: 200, count: 50, over: 60_000, seed: 11 });

function chimingJobs(count: number): ChimingJob[] {
  return Array.from({ length: count }, (_, index) => {
    const overlap = overlaps[index % 6] ?? "allow";
    return {
      id: `chime-${index + 1}`,
      task: taskNames[index % 3] ?? "tick",
      trigger: every("1s", { phase: (index * 37) % 1000 }),
      queue: queues[Math.floor(index / 3) % 4] ?? "default",
      tags: [tags[index % 3], tags[Math.floor(index / 2) % 3]].flatMap((tag, at, both) =>
        tag !== undefined && both.indexOf(tag) === at ? [tag] : [],
      ),
      overlap,
      misfire: misfires[Math.floor(index / 6) % 6] ?? {},
      // Long enough to be running when a pause comes; those that wait for each other have to catch up in between.
      input: { work: index % 7 === 0 ? (overlap === "queue-all" ? 600 : 1300) : 5 },
    };
  });
}

function pausable({ id, task, queue, tags, overlap }: ChimingJob): Pausable {
  return { id, task, queue, tags, beside: overlap === "allow" || overlap === "replace" };
}

/** Pauses and resumes as planned, and enqueues a run during each pause. Answers those runs. Resolves when all pauses are over. */
async function carryOut(trial: Trial, planned: readonly PlannedPause[]): Promise<Pausable[]> {
  const pauser = new Pauser(trial);
  const [begin, running, enqueued] = [Date.now(), [] as Promise<void>[], [] as Pausable[]];
  for (const [index, { name, value, at, lasts, ends }] of planned.entries()) {
    await trial.lasts(Math.max(1, begin + at - Date.now()));
    const [kind, node] = name.split(":");
    const key = kind === "node" ? `node:${trial.facts("up").findLast((up) => up.node === node)?.id}` : name;
    await trial.fault("pause", `${key} ${value.type} ${ends}`, () =>
      pauser.pause(key, value, ends === "expires" ? lasts : undefined),
    );
    running.push(trial.lasts(lasts).then(() => (ends === "deleted" ? pauser.resume(key) : undefined)));
    const run = {
      id: `enqueued-${index}`,
      task: taskNames[index % 3] ?? "tick",
      queue: queues[index % 4] ?? "default",
      tags: [],
      beside: true,
    };
    enqueued.push(run);
    running.push(trial.enqueue(run.task, run.id, 200, run.queue));
  }
  await Promise.all(running);
  return enqueued;
}

function kept({ spans, claimed, started, wentOn }: PauseFindings, planned: number): Check[] {
  const kinds: Record<string, number> = {};
  for (const { name } of spans) kinds[name.split(":")[0] ?? ""] = (kinds[name.split(":")[0] ?? ""] ?? 0) + 1;
  const [deleted, expired] = [
    wentOn.filter(({ span }) => !span.expired),
    wentOn.filter(({ span }) => span.expired),
  ];
  return [
    check(
      "all were set and ended, some of each kind",
      spans.length === planned && Object.keys(kinds).length === 6,
      kinds,
    ),
    check(
      "no attempt of what was paused was handed out after the acknowledged SET",
      claimed.length === 0,
      claimed.slice(0, 10),
    ),
    {
      says: `none started later than ${mostAfterPause} ms after it`,
      holds: started.every(({ ms }) => ms <= mostAfterPause),
      seen: latestOf(started),
      timing: true,
    },
    check(
      "what had been held back went on after the DEL, and after the TTL's end",
      deleted.length > 0 && expired.length > 0,
      [deleted.length, expired.length],
    ),
    {
      says: `within ${mostUntilGoingOn} ms of the DEL`,
      holds: deleted.every(({ ms }) => ms <= mostUntilGoingOn),
      seen: latestOf(deleted),
      timing: true,
    },
    {
      says: `within ${mostUntilGoingOn} ms of the TTL's end`,
      holds: expired.every(({ ms }) => ms <= mostUntilGoingOn),
      seen: latestOf(expired),
      timing: true,
    },
  ];
}

/** Jobs that two pauses or more held at once: they go on when none is left, which the checks before this one have seen. */
function stacked(things: readonly Pausable[], spans: readonly PauseSpan[]): Check {
  const several = things.filter((thing) => {
    const own = spans.filter(({ name }) => pausesOf(thing).includes(name));
    return periodsOf(own).length < own.length;
  });
  return check("some jobs were held by several pauses at once", several.length > 0, several.length);
}

/** What ran when its pause came is not interrupted. */
function ranOn(
  evidence: readonly Evidence[],
  things: readonly Pausable[],
  spans: readonly PauseSpan[],
): Check {
  const names = new Map(things.map((thing) => [thing.id, pausesOf(thing)]));
  const ends = new Map<string, number>(factsOf(evidence, "end").map(({ token, mono }) => [token, mono]));
  const ran = factsOf(evidence, "start").filter(({ run, token, mono }) =>
    spans.some(
      ({ name, from }) =>
        names.get(pausableOf(run))?.includes(name) &&
        mono < from.mono &&
        (ends.get(token) ?? Number.POSITIVE_INFINITY) > from.mono,
    ),
  );
  const broken = ran.filter(({ token }) => !ends.has(token));
  return check(
    "what ran when its pause came ran on to its end",
    ran.length > 0 && broken.length === 0,
    ran.length,
  );
}

/** What no pause names goes on as if there were none. */
function alone(late: readonly number[]): Check {
  const quantile = (part: number): number => late[Math.floor((late.length - 1) * part)] ?? 0;
  const seen = { starts: late.length, p50: quantile(0.5), p99: quantile(0.99), max: late.at(-1) ?? 0 };
  return {
    ...check(
      "what no pause named went on meanwhile, 99 of 100 within 100 ms",
      late.length > 0 && seen.p99 < 100,
      seen,
    ),
    timing: true,
  };
}
