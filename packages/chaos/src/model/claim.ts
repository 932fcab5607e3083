// claim.lua: completes finished runs and claims due ones, in one step (scripts/claim.lua, claim/*.lua).
import { complete } from "./complete.js";
import { nodeTtl, type World } from "./config.js";
import { isPaused } from "./pause.js";
import type { Answer, Claimed, Request } from "./requests.js";
import { add, allActive, drop, inOrder, isLeased, lose, note } from "./runs.js";
import { attemptKey, type Identity, jobOf, type Run, type State, timeOf } from "./state.js";

type ClaimRequest = Extract<Request, { kind: "claim" }>;

export function claim(world: World, state: State, node: Identity, request: ClaimRequest): Answer {
  const { store } = state;
  const { mutants } = world;
  if (!isLeased(store, node) && !mutants.has("dead-node-may-claim"))
    return { kind: "refused", code: "NODE_DEAD" };
  const line = mutants.has("lines-share-last-number") ? 1 : request.line;
  const last = store.requests[node]?.[line] ?? { number: 0, accepted: [] };
  if (request.number < last.number && !mutants.has("late-claim-applied"))
    return { kind: "refused", code: "STALE_REQUEST" };
  if (request.number === last.number && !mutants.has("completion-applied-twice")) {
    return {
      kind: "claimed",
      accepted: last.accepted,
      claimed: claimedBefore(world, state, node, request.number),
    };
  }
  const accepted = complete(world, state, node, request.completions);
  for (const [run, ticks] of Object.entries(store.waiting)) {
    if (ticks > 0) continue;
    delete store.waiting[run];
    add(store.ready, run);
  }
  const claimed: Claimed[] = [];
  for (const run of inOrder(store.ready)) {
    if (claimed.length >= request.slots) break;
    const taken = consider(world, state, run);
    if (taken !== undefined) {
      claimed.push(taken);
      const { token, attempt } = taken;
      store.active[node] = { ...store.active[node], [run]: { token, attempt, number: request.number } };
    }
  }
  const answered = { number: Math.max(request.number, last.number), accepted };
  store.requests[node] = { ...store.requests[node], [line]: answered };
  return { kind: "claimed", accepted, claimed };
}

/** A request that was answered before is answered as it was then. */
function claimedBefore({ mutants }: World, { store }: State, node: Identity, number: number): Claimed[] {
  const runs = Object.entries(store.active[node] ?? {}).filter(([, active]) => active.number === number);
  const forgets = mutants.has("left-locks-not-told-again");
  return runs.map(([run, { token, attempt }]) => ({
    run,
    token,
    attempt,
    left: forgets ? [] : (store.attempts[run]?.left ?? []),
  }));
}

/** One run: it starts, waits, or ends without having started (claim/consider.lua). */
function consider(world: World, state: State, run: Run): Claimed | undefined {
  const { store } = state;
  const job = jobOf(run);
  if (!store.ready.includes(run)) return undefined; // an earlier one of this step has ended it
  const known = store.attempts[run];
  const attempt = known?.next ?? 1;
  const first = attempt === 1 && !world.mutants.has("attempt-not-counted");
  const stale = world.mutants.has("stale-run-not-dropped");
  if ((store.jobs[job] === undefined && !stale) || (first && !store.unstarted.includes(run))) {
    drop(store.ready, run);
    return undefined;
  }
  if (isPaused(world, store, job)) {
    drop(store.ready, run);
    add(store.paused, run);
    add(store.noticed, job);
    return undefined;
  }
  if (world.limit > 0 && allActive(store).length >= world.limit && !world.mutants.has("limit-not-counted"))
    return undefined;
  if (!mayOverlap(world, state, run, attempt)) return undefined;
  drop(store.ready, run);
  drop(store.unstarted, run);
  const key = attemptKey(run, attempt);
  if (world.voters === 0) {
    if (store.locks.includes(key) && !world.mutants.has("store-lock-not-read")) {
      lose(world, store, run, attempt, nodeTtl);
      return undefined;
    }
    add(store.locks, key);
  }
  checkClaim(world, state, run, attempt);
  return { run, attempt, token: nextToken(world, state), left: known?.left ?? [] };
}

/** Whether a job's run may start while another may be running (claim/overlap.lua); if not, it waits or is recorded as skipped. */
function mayOverlap(world: World, { store, now }: State, run: Run, attempt: number): boolean {
  const job = jobOf(run);
  if (world.jobs[job]?.overlap !== "skip") return true;
  const holder = store.running[job];
  if (holder === undefined) store.running[job] = { run, since: now };
  if (holder === undefined || holder.run === run || world.mutants.has("overlap-not-checked")) return true;
  drop(store.ready, run);
  if (attempt === 1 && holder.since <= timeOf(run)) {
    drop(store.unstarted, run);
    delete store.attempts[run];
    note(store.history, run, "skipped");
  } else add(store.blocked, run);
  return false;
}

/** One more than the last, or than any that can have been given before by the clock (claim/take.lua). */
function nextToken(world: World, { store, witness }: State): number {
  const byClock = world.mutants.has("token-not-by-clock") ? 0 : witness.token;
  const token = Math.max(store.fence, byClock) + (world.mutants.has("token-not-rising") ? 0 : 1);
  store.fence = token;
  if (token <= witness.token) witness.broken.push("tokens rise");
  witness.token = Math.max(witness.token, token);
  return token;
}

/** What must hold of what is handed out, whatever the script looked at. */
function checkClaim(world: World, { store, witness }: State, run: Run, attempt: number): void {
  const job = jobOf(run);
  if (store.pauses.includes(job)) witness.broken.push("nothing starts while paused");
  const { version } = store.jobs[job] ?? { version: 0 };
  const times = world.jobs[job]?.versions[version - 1] ?? [];
  const isCurrent = times.includes(timeOf(run)) || timeOf(run) <= (store.jobs[job]?.since ?? 0);
  if (attempt === 1 && !isCurrent && !world.mutants.has("lock-without-fire-time"))
    witness.broken.push("only what the job's version says starts");
}
