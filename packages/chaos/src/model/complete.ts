// The part of claim.lua that takes what nodes report of attempts (scripts/claim/complete.lua), and what nodes report.
import { nodeTtl, type World } from "./config.js";
import { add, drop, finish, lose, note, queueAgain } from "./runs.js";
import {
  type Active,
  attemptKey,
  type Identity,
  identityOf,
  jobOf,
  type Report,
  type State,
  type Store,
} from "./state.js";
import { type Step, step } from "./step.js";

/** Takes reports, each only with the token that the run is held by. Answers which were accepted. */
export function complete(
  world: World,
  { store }: State,
  node: Identity,
  reports: readonly Report[],
): boolean[] {
  return reports.map((report) => {
    const [holder, active] = held(world, store, node, report);
    if (active === undefined) return false;
    delete holder[report.run];
    drop(store.locks, attemptKey(report.run, report.attempt));
    end(world, store, report, active);
    return true;
  });
}

/** The attempt that a report is about, if its node may report on it, and the node's attempts that it is among. */
function held(
  world: World,
  store: Store,
  node: Identity,
  { run, token }: Report,
): [Record<string, Active>, Active | undefined] {
  const own = store.active[node] ?? {};
  if (!world.mutants.has("no-token-check")) return [own, own[run]?.token === token ? own[run] : undefined];
  const others = Object.values(store.active).find((runs) => runs[run] !== undefined) ?? own;
  // Broken: whoever holds it, and where nobody does it is written all the same.
  return [others, others[run] ?? { token, attempt: 0, number: 0 }];
}

function end(world: World, store: Store, report: Report, { attempt: stored }: Active): void {
  const { run, attempt, outcome } = report;
  const lost = store.attempts[run]?.lost ?? 0;
  if (outcome === "b") {
    store.attempts[run] = { next: attempt, lost, left: [...(store.attempts[run]?.left ?? []), report.value] };
    if (attempt === 1) add(store.unstarted, run);
    if (store.running[jobOf(run)]?.run === run && attempt === 1) delete store.running[jobOf(run)];
    add(store.ready, run);
  } else if (outcome === "x") lose(world, store, run, attempt, nodeTtl);
  else {
    note(store.outcomes, attemptKey(run, attempt), outcome === "s" ? "succeeded" : "failed");
    if (stored !== attempt) note(store.outcomes, attemptKey(run, attempt), "told by who does not hold it");
    if (outcome === "s") finish(store, run, "succeeded");
    else queueAgain(world, store, run, attempt, lost, 0);
  }
}

/** Handlers are called, and end. */
export function* handlerSteps(_world: World, state: State): Iterable<Step> {
  for (const [index, process] of state.processes.entries()) {
    for (const [at, { run, attempt, state: stands, token }] of process.held.entries()) {
      const key = attemptKey(run, attempt);
      const who = identityOf(process);
      if (stands === "claimed" || stands === "granted") {
        yield step(state, `${who} calls the handler of ${key}`, ({ processes, witness }) => {
          const item = processes[index]?.held[at];
          if (item !== undefined) item.state = "running";
          witness.starts[key] = (witness.starts[key] ?? 0) + 1;
        });
      } else if (stands === "running") {
        const outcomes = state.left.failures > 0 ? (["s", "F"] as const) : (["s"] as const);
        for (const outcome of outcomes) {
          yield step(
            state,
            `the handler of ${key} on ${who} ${outcome === "s" ? "succeeds" : "fails"}`,
            (next) => {
              if (outcome === "F") next.left.failures -= 1;
              next.processes[index]?.held.splice(at, 1);
              next.processes[index]?.reports.push({ run, token, attempt, outcome, value: 0 });
            },
          );
        }
      }
    }
  }
}
