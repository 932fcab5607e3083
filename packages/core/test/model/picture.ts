// What is compared after each step: the model's world and the store, in the same words.
import { readRun } from "../../src/run.js";
import { parseRunId } from "../../src/run-id.js";
import type { StoreBench } from "../store-bench.js";
import type { Job, Run } from "./entities.js";
import { pausesOf } from "./leading.js";
import type { World } from "./world.js";

/** A job as both sides tell it. */
interface JobPicture {
  readonly state: string | undefined;
  readonly cursor: number | undefined;
  /** Whether it is put aside, since the job is paused. */
  readonly frozen: boolean;
  /** Fire times that have not started, first to last. */
  readonly unstarted: readonly number[];
  readonly started: number;
  readonly running: string | undefined;
  readonly missed: number;
  readonly failures: number;
}

export interface Picture {
  readonly jobs: Readonly<Record<string, JobPicture>>;
  /** By id, a run in a few words. */
  readonly runs: Readonly<Record<string, string>>;
}

function isPaused(world: World, job: Job): boolean {
  return pausesOf(job).some((name) => world.pauses.has(name));
}

/** The model's. */
export function pictureOf(world: World): Picture {
  const jobs = [...world.jobs.values()].map((job): [string, JobPicture] => [
    job.id,
    {
      state: job.exhausted ? "exhausted" : isPaused(world, job) ? "paused" : "scheduled",
      cursor: job.cursor,
      frozen: job.frozen,
      unstarted: world.unstarted(job).map(({ at }) => at),
      started: job.started,
      running: job.holder?.run.id,
      missed: job.missed,
      failures: job.hasGivenUp && !world.hasGivenUp(job) ? 0 : job.failures,
    },
  ]);
  const runs = [...world.runs.values()].map((run): [string, string] => [run.id, describe(run, world.now)]);
  return { jobs: Object.fromEntries(jobs), runs: Object.fromEntries(runs) };
}

function describe(run: Run, now: number): string {
  const { state, end, past, attempt, node, held, notBefore, cancel } = run;
  const asked = cancel === undefined ? "" : `, to be cancelled: ${cancel}`;
  if (state === "ended") return `${end} (${past.join(", ")})`;
  if (state === "active") return `attempt ${attempt} runs on ${node}${asked}`;
  if (state === "blocked" || held) return `attempt ${attempt} ${held ? "held" : state}`;
  return `attempt ${attempt} ${notBefore > now ? "waits" : "ready"}`;
}

/** The store's, in one round trip for the runs and one for the jobs. */
export async function look(
  bench: StoreBench,
  ids: readonly string[],
  nodes: readonly string[],
): Promise<Picture> {
  const { keys } = bench.store;
  const { redis } = bench;
  const [now, unstarted, blocked, held, waiting, due, frozen, attempts, ready, running, ended, jobs] =
    await Promise.all([
      redis.get(keys.clock),
      redis.zrange(keys.unstarted, 0, -1),
      redis.zrange(keys.blocked, 0, -1),
      redis.zrange(keys.paused, 0, -1),
      redis.zrange(keys.waiting, 0, -1, "WITHSCORES"),
      redis.zrange(keys.due, 0, -1, "WITHSCORES"),
      redis.zrange(keys.frozen, 0, -1, "WITHSCORES"),
      redis.hgetall(keys.attempts),
      Promise.all(readySets(bench).map((key) => redis.zrange(key, 0, -1))),
      Promise.all(
        nodes.map(async (node) => {
          const [runs, asked] = await Promise.all([
            redis.hgetall(keys.active(node)),
            redis.hgetall(keys.cancelled(node)),
          ]);
          return { node, runs, asked };
        }),
      ),
      Promise.all(ids.map((id) => redis.lrange(keys.history(id), 0, -1))),
      Promise.all(ids.map((id) => bench.job(id).get())),
    ]);
  const runs: [string, string][] = [];
  const next = (run: string): string => `attempt ${attempts[run]?.split(" ")[0] ?? 1}`;
  for (const run of blocked) runs.push([run, `${next(run)} blocked`]);
  for (const run of held) runs.push([run, `${next(run)} held`]);
  for (const [run, time] of pairs(waiting))
    runs.push([run, `${next(run)} ${Number(time) > Number(now) ? "waits" : "ready"}`]);
  for (const run of ready.flat()) runs.push([run, `${next(run)} ready`]);
  for (const { node, runs: active, asked } of running)
    for (const [run, text] of Object.entries(active)) {
      const cancel = asked[run] === undefined ? "" : `, to be cancelled: ${asked[run]}`;
      runs.push([run, `attempt ${text.split(" ")[1]} runs on ${node}${cancel}`]);
    }
  const missed = new Map<string, number>();
  for (const [index, id] of ids.entries())
    for (const text of ended[index] ?? []) {
      const run = readRun(text, { job: id });
      if (run.state === "missed") missed.set(id, (missed.get(id) ?? 0) + run.count);
      else runs.push([run.id, describeEnded(run)]);
    }
  const names = runs.map(([run]) => run);
  const twice = names.filter((run, index) => names.indexOf(run) !== index);
  if (twice.length > 0) runs.push(["in two places", twice.join(", ")]);
  const cursors = new Map(pairs([...due, ...frozen]));
  const found = ids.map((id, index): [string, JobPicture] => [
    id,
    {
      // Not who has set the key of its pause.
      state: jobs[index]?.state === "errored" ? "paused" : jobs[index]?.state,
      cursor: cursors.has(id) ? Number(cursors.get(id)) : undefined,
      frozen: frozen.includes(id),
      unstarted: unstarted.filter((run) => run.startsWith(`${id}@`)).map((run) => parseRunId(run)?.at ?? 0),
      started: jobs[index]?.startedRuns ?? 0,
      running: jobs[index]?.running,
      missed: missed.get(id) ?? 0,
      failures: jobs[index]?.failuresInARow ?? 0,
    },
  ]);
  return { jobs: Object.fromEntries(found), runs: Object.fromEntries(runs) };
}

function describeEnded({ state, reason, attempts }: ReturnType<typeof readRun>): string {
  const why = reason !== undefined && (state === "skipped" || state === "cancelled") ? ` ${reason}` : "";
  // One that was to follow and did not start has no token.
  const past = attempts.filter(({ fencingToken }) => fencingToken > 0n).map((one) => one.state);
  return `${state}${why} (${past.join(", ")})`;
}

function readySets({ store: { keys } }: StoreBench): string[] {
  return [keys.readyOf("default", "task"), keys.readyOf("second", "task"), `${keys.prefix}full:discounted`];
}

function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? ""] as [string, string]] : []));
}
