// What the leader does, and what becomes of a job that is defined anew.
import { type Definition, horizon, interval, type Job, lookahead } from "./entities.js";
import type { World } from "./world.js";

/**
 * "Once the first waiting fire time of a job is later than its grace, all that are due by then are taken as missed together, and
 * `catchUp` says which of them run."
 */
export function settle(world: World, job: Job): void {
  const due = world.unstarted(job).filter(({ at }) => at <= world.now);
  const [first] = due;
  if (first === undefined || world.now - first.at <= job.definition.grace) return;
  const { catchUp, max } = job.definition;
  const kept = new Set({ none: [], earliest: [first], latest: due.slice(-1), all: due.slice(-max) }[catchUp]);
  if (kept.size === due.length) return;
  for (const run of due) if (!kept.has(run)) world.runs.delete(run.id);
  job.missed += due.length - kept.size;
  world.noticeEnd(job);
  world.nextTurn(job);
}

/** Writes the runs of the fire times that come next, but for jobs that are paused. */
export function materialise(world: World): void {
  for (const job of world.jobs.values()) {
    if (job.cursor === undefined || job.frozen || job.cursor > world.now + horizon) continue;
    const pause = pausesOf(job).find((name) => world.pauses.has(name));
    if (pause !== undefined) {
      job.frozen = true;
      job.heldBy.add(pause);
    } else if (world.isFull(job)) {
      // Put aside: should one of its runs be handed back unstarted, it goes on from there.
      job.frozen = true;
      job.full = true;
      world.noticeEnd(job);
    } else write(world, job, job.cursor);
  }
  world.settleExhausted();
}

function write(world: World, job: Job, cursor: number): void {
  const times: number[] = [];
  for (let time = cursor; time <= world.now + lookahead; time += interval) times.push(time);
  job.cursor = cursor + times.length * interval;
  // What was cancelled before it came is there already, and has ended.
  for (const at of times)
    if (!world.runs.has(`${job.id}@${at}`)) world.queue(`${job.id}@${at}`, job, at, false);
  settle(world, job);
  unhold(world, job);
}

/** Sees which pauses are over: what they held back goes on. */
export function watch(world: World): void {
  for (const job of world.jobs.values()) if (!world.hasGivenUp(job)) forgetFailures(job);
  for (const job of world.jobs.values())
    for (const name of [...job.heldBy])
      if (!world.pauses.has(name)) {
        job.heldBy.delete(name);
        letGo(world, job);
      }
}

/**
 * "From now: what came due under the pause and has not started is not run, but recorded as missed"; and jobs go on with the next fire time.
 */
export function resumeFromNow(world: World, name: string): void {
  for (const job of world.jobs.values()) if (pausesOf(job).includes(name)) passOver(world, job);
  world.settleExhausted();
  world.pauses.delete(name);
  for (const job of world.jobs.values()) {
    if (name === `job:${job.id}`) forgetFailures(job);
    if (job.heldBy.delete(name) || name === `job:${job.id}`) letGo(world, job);
  }
}

/** The pause of a job is over: if that was what its failures had come to, a new series begins. */
function forgetFailures(job: Job): void {
  if (!job.hasGivenUp) return;
  job.failures = 0;
  job.hasGivenUp = false;
}

function passOver(world: World, job: Job): void {
  const due = world.unstarted(job).filter(({ at }) => at <= world.now);
  for (const { id } of due) world.runs.delete(id);
  let passed = due.length;
  if (job.cursor !== undefined && isBehind(world, job)) {
    const next = world.firstFireTime(job, world.now + 1);
    passed += (next - job.cursor) / interval;
    job.cursor = next;
  }
  if (passed === 0) return;
  job.missed += passed;
  world.noticeEnd(job);
  world.nextTurn(job);
}

/** Its runs go on, unless fire times have passed that the leader has yet to write: it takes all that was missed together. */
export function letGo(world: World, job: Job): void {
  const wasFrozen = job.frozen;
  job.frozen = false;
  if (!(wasFrozen && isBehind(world, job))) unhold(world, job);
}

/** What was held back goes on. */
export function unhold({ runs }: World, job: Job): void {
  for (const run of runs.values()) if (run.job === job) run.held = false;
}

/** Whether fire times have passed that the leader has yet to write. */
export function isBehind({ now }: World, { cursor }: Job): boolean {
  return cursor !== undefined && cursor <= now;
}

/** The pauses that hold a job. */
export function pausesOf({ id, queue, tags }: Job): string[] {
  return ["all", `queue:${queue}`, "task:task", `job:${id}`, ...tags.map((tag) => `tag:${tag}`)];
}

/** Defines a job anew, with the same trigger. */
export function define(world: World, job: Job, definition: Definition): void {
  const before = job.definition;
  if (JSON.stringify(before) === JSON.stringify(definition)) return; // "the same again changes nothing"
  job.definition = definition;
  if (definition.pauseAfterFailures === undefined) {
    job.failures = 0;
    job.hasGivenUp = false;
  }
  for (const run of world.runs.values()) if (run.job === job) run.waitsForKey = false;
  // "With another `maxRuns` it goes on from the next fire time that it leaves", but for what the leader has yet to catch up with.
  if (before.maxRuns !== definition.maxRuns && !isBehind(world, job)) {
    world.takeBack(job, world.now);
    job.cursor = world.firstFireTime(job, world.now + 1);
    job.frozen = false;
    job.exhausted = false;
    job.full = false;
  }
  if (definition.overlap === "allow" || definition.overlap === "replace")
    for (const run of world.blocked(job)) run.state = "queued";
  letGo(world, job); // what held it back may not any more: it is looked at anew
}
