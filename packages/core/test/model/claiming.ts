// How a node's request is answered: which attempts end, and which start.
import type { Bound, Job, Run } from "./entities.js";
import { isBehind, letGo, pausesOf, settle, unhold } from "./leading.js";
import type { World } from "./world.js";

/** How an attempt ended. `handed-back`, `vetoed`: it had not started; `given-up`: its node stops. */
export type Outcome =
  | ("succeeded" | "failed" | "timed-out" | "cancelled")
  | ("handed-back" | "vetoed" | "given-up");

/** An attempt ended on the node that held it. Answers after how many ms there is another one, if it failed and there is one. */
export function end(world: World, run: Run, outcome: Outcome): number | undefined {
  const { attempts, backoff } = run.claimedAs ?? run.job.definition;
  const failed = outcome === "failed" || outcome === "timed-out";
  const again = failed && run.attempt - run.lost < attempts;
  run.places = [];
  run.node = undefined;
  if (outcome === "handed-back" || outcome === "vetoed") notStarted(world, run, outcome);
  else if (outcome === "given-up") world.lose(run);
  else if (run.cancel !== undefined && failed) world.finishCancelled(run);
  else {
    run.past.push(outcome);
    if (again) world.tryAgain(run, backoff, 0);
    else world.finish(run, outcome);
  }
  run.cancel = undefined;
  return again ? backoff : undefined;
}

/** It is as if it had not been claimed, but for having been asked to end meanwhile, or vetoed. */
function notStarted(world: World, run: Run, outcome: "handed-back" | "vetoed"): void {
  if (run.counted && run.attempt === 1) {
    run.job.started -= 1;
    run.counted = false;
    run.job.full = false;
    letGo(world, run.job);
  }
  run.state = "queued";
  run.notBefore = world.now;
  if (run.cancel !== undefined) world.finishCancelled(run);
  else if (outcome === "vetoed") world.finish(run, "skipped vetoed");
  // "Until the run has ended it counts as running": one that has had an attempt does so still.
  else if (run.attempt === 1) world.release(run);
}

/** What a node claims. */
export interface Request {
  readonly node: string;
  readonly slots: number;
  /** Whether it knows of the limits of everything, of queues and of tasks. */
  readonly limited: boolean;
}

/** Answers the runs whose next attempt starts, in order. */
export function claim(world: World, request: Request): Run[] {
  const started: Run[] = [];
  const key: Limits = [["key", world.setting.key]];
  const goingOn = new Set<Job>();
  if (!isFull(world, key)) for (const run of world.runs.values()) run.waitsForKey = false;
  for (const run of due(world, request.node)) {
    if (started.length === request.slots) break;
    // What came before it in this claim may have ended it.
    if (world.runs.get(run.id) === run && run.state === "queued" && consider(world, run, request, goingOn))
      started.push(run);
  }
  world.settleExhausted();
  return started;
}

/** "Higher ones go first, and of the same priority the one that is due first." */
function due({ runs, now, pauses }: World, node: string): Run[] {
  const isOpen = ({ queue }: Job): boolean =>
    !["all", `queue:${queue}`, "task:task"].some((name) => pauses.has(name));
  if (pauses.has(`node:${node}`)) return [];
  return [...runs.values()]
    .filter(({ state, notBefore }) => state === "queued" && notBefore <= now)
    .filter(({ waitsForKey, held }) => !waitsForKey && !held)
    .filter((run) => isForced(run) || isOpen(run.job))
    .sort((one, other) => rank(other) - rank(one) || one.at - other.at);
}

/** Those by force come first, whatever the priority of their jobs. */
function rank(run: Run): number {
  return isForced(run) ? Number.MAX_SAFE_INTEGER : run.job.definition.priority;
}

/** "Its first attempt starts although it is paused." */
function isForced({ byForce, attempt }: Run): boolean {
  return byForce && attempt === 1;
}

/** Answers whether it starts. `goingOn`: jobs of which this request has let runs go on that were held back: they start with the next one. */
function consider(world: World, run: Run, request: Request, goingOn: Set<Job>): boolean {
  const { job } = run;
  const limits = request.limited ? limitsOf(world, job) : [];
  if (isFull(world, limits, "wait")) return false;
  if (isHeld(world, run) || !world.runs.has(run.id)) return false;
  const isFirst = isFirstAttempt(run);
  const key: Limits = job.definition.keyed ? [["key", world.setting.key]] : [];
  if (isFull(world, key, "wait")) {
    run.waitsForKey = true;
    return false;
  }
  if (isFull(world, [...key, ...limits], "skip")) {
    world.finish(run, "skipped limit");
    return false;
  }
  if (isFirst && comesAfterHeld(world, run, goingOn)) return false;
  if (!hasTurn(world, run)) return false;
  run.state = "active";
  run.node = request.node;
  run.claimedAs = job.definition;
  world.tokens += 1;
  run.token = world.tokens;
  run.places = [...limits, ...key].map(([scope]) => scope);
  if (isFirst && job.definition.maxRuns !== undefined) {
    job.started += 1;
    run.counted = true;
    if (world.isFull(job)) job.full = true;
  }
  return true;
}

/** Of a fire time, not by hand. */
function isFirstAttempt({ byHand, attempt }: Run): boolean {
  return !byHand && attempt === 1;
}

/** Whether a run is held back, or was missed. */
function isHeld(world: World, run: Run): boolean {
  const { job } = run;
  const [pause] = pausesOf(job).filter((name) => /^(job|tag):/.test(name) && world.pauses.has(name));
  if (pause !== undefined && !isForced(run)) {
    job.heldBy.add(pause);
    run.held = true;
    return true;
  }
  if (!isFirstAttempt(run)) return false;
  const isLate = ({ at }: Run): boolean => world.now - at > job.definition.grace;
  const [first] = world.unstarted(job);
  // "All that are due by then are taken as missed together": also those that the leader has yet to write.
  if (!isBehind(world, job)) {
    if (isLate(run)) settle(world, job);
  } else if (isLate(run) || (first?.held && isLate(first))) run.held = true;
  // The end of the last one is the end of the job, unless that is handed back.
  if (world.isFull(job) && world.runs.has(run.id) && !run.held) {
    job.full = true;
    world.noticeEnd(job);
    run.held = true;
    world.nextTurn(job);
  }
  return run.held;
}

/**
 * Where runs of a job take turns or cut each other short, those that a pause has held back go first. Nobody may have looked since its end:
 * then they go on now, and this one after them.
 */
function comesAfterHeld(world: World, run: Run, goingOn: Set<Job>): boolean {
  const { job } = run;
  if (job.definition.overlap === "allow") return false;
  if (goingOn.has(job)) return true;
  const held = [...world.runs.values()].filter(
    (one) => one.job === job && one.held && one.state === "queued",
  );
  if (!held.some(({ id }) => id < run.id)) return false;
  if (isBehind(world, job)) run.held = true;
  else {
    goingOn.add(job);
    unhold(world, job);
  }
  return true;
}

type Limits = readonly (readonly [scope: string, bound: Bound])[];

function limitsOf({ setting }: World, { queue }: Job): Limits {
  const { all, task, queue: ofQueue } = setting;
  const limits: Limits = [
    ...(all === undefined ? [] : [["all", all] as const]),
    ...(task === undefined ? [] : [["task", task] as const]),
    ...(ofQueue === undefined || queue === "default" ? [] : [["queue", ofQueue] as const]),
  ];
  return limits;
}

/** Whether one of the limits, or of those that say so, has no place left. */
function isFull({ runs }: World, limits: Limits, whenFull?: Bound["whenFull"]): boolean {
  const taken = [...runs.values()].flatMap(({ state, places }) => (state === "active" ? places : []));
  return limits.some(
    ([scope, bound]) =>
      (whenFull ?? bound.whenFull) === bound.whenFull &&
      taken.filter((place) => place === scope).length >= bound.max,
  );
}

/** The rules of `overlap`: whether a run may start. If not, it is skipped, or waits for its turn. */
function hasTurn(world: World, run: Run): boolean {
  const { job } = run;
  const { overlap } = job.definition;
  if (overlap === "allow") return true;
  if (run.attempt === 1 && job.holder !== undefined && job.holder.run !== run) {
    const { holder } = job;
    // "If the earlier run started only after that fire time, because nothing could start before, it waits for its end instead."
    const skipped =
      (overlap === "skip" && holder.since <= run.at) ||
      (overlap === "queue-one" && world.blocked(job).length > 0);
    if (skipped) {
      world.finish(run, "skipped overlap");
      return false;
    }
    if (overlap === "cancel-running") {
      // "Of several that wait the latest runs, the others are skipped."
      for (const other of world.blocked(job)) if (other.attempt === 1) skipSilently(other);
      world.cancel(holder.run, "overlap");
    }
    if (overlap === "replace") {
      world.cancel(holder.run, "overlap");
      job.holder = undefined;
    }
  }
  if (job.holder !== undefined && job.holder.run !== run) {
    run.state = "blocked";
    return false;
  }
  job.holder = { run, since: job.holder?.since ?? world.now };
  return true;
}

function skipSilently(run: Run): void {
  run.state = "ended";
  run.end = "skipped overlap";
}
