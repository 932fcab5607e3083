// The leader's reading and planning, and materialise.lua: writes the runs of fire times with compare-and-set.
import { lookahead, type World } from "./config.js";
import { unhold } from "./pause.js";
import type { Answer, Request } from "./requests.js";
import { add } from "./runs.js";
import { identityOf, type Plan, type State } from "./state.js";
import { type Step, step } from "./step.js";

type MaterialiseRequest = Extract<Request, { kind: "materialise" }>;

export function materialise(world: World, state: State, request: MaterialiseRequest): Answer {
  const { store } = state;
  const { job, times, next } = request;
  const stands = store.due[job] === request.expected && store.jobs[job]?.version === request.version;
  if (!stands && !world.mutants.has("no-compare-and-set")) return { kind: "done", yes: false };
  if (store.pauses.includes(job)) {
    delete store.due[job];
    store.frozen[job] = request.expected;
    add(store.noticed, job);
    return { kind: "done", yes: false };
  }
  for (const time of times) {
    const run = `${job}@${world.mutants.has("lock-without-fire-time") ? 0 : time}`;
    store.waiting[run] = Math.max(0, time - state.now);
    add(store.unstarted, run);
  }
  if (next === null) delete store.due[job];
  else store.due[job] = next;
  unhold(store, job);
  return { kind: "done", yes: true };
}

/** What a leader would write of a job, by what it reads now. */
function planOf(world: World, { store, now }: State, job: string): Plan | undefined {
  const cursor = store.due[job];
  const version = store.jobs[job]?.version;
  if (cursor === undefined || version === undefined || cursor > now + lookahead) return undefined;
  const all = world.jobs[job]?.versions[version - 1] ?? [];
  const from = world.mutants.has("catch-up-skipped") ? Math.max(cursor, now) : cursor;
  const times = all.filter((time) => time >= from && time <= now + lookahead);
  const next = all.find((time) => time > now + lookahead && time >= from) ?? null;
  return { job, version, expected: cursor, times, next };
}

/** A leader reads what is due and computes. What it does with that comes later. */
export function* planSteps(world: World, state: State): Iterable<Step> {
  for (const [index, process] of state.processes.entries()) {
    if (!process.up || process.term === null || process.plan !== null || process.asking.leader !== undefined)
      continue;
    for (const job of Object.keys(world.jobs)) {
      const plan = planOf(world, state, job);
      if (plan === undefined) continue;
      const says = `${identityOf(process)}, which leads in term ${process.term.epoch}, reads that ${job} is due from ${plan.expected} and computes ${plan.times.join(", ") || "nothing"}`;
      yield step(state, says, ({ processes }) => {
        const leader = processes[index];
        if (leader !== undefined) leader.plan = plan;
      });
    }
  }
}
