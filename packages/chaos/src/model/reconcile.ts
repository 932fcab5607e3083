// reconcile.lua: a node compares what it holds with what the store says, in case the store has gone back in time.
import type { World } from "./config.js";
import type { Answer, Request } from "./requests.js";
import { isLeased, lose } from "./runs.js";
import { type Identity, identityOf, lastNumber, type Process, type State } from "./state.js";

type Reconcile = Extract<Request, { kind: "reconcile" }>;

export function reconcile(
  world: World,
  { store }: State,
  node: Identity,
  { held, number }: Reconcile,
): Answer {
  if (!isLeased(store, node)) return { kind: "refused", code: "NODE_DEAD" };
  const last = store.requests[node];
  const second = world.mutants.has("reconcile-reads-one-line") ? 0 : (last?.[2]?.number ?? 0);
  if (Math.max(last?.[1]?.number ?? 0, second) > number && !world.mutants.has("late-reconcile-applied"))
    return { kind: "refused", code: "STALE_REQUEST" };
  for (const [run, { token, attempt }] of Object.entries(store.active[node] ?? {})) {
    if (held.some((item) => item.run === run && item.token === token)) continue;
    delete store.active[node]?.[run];
    lose(world, store, run, attempt, 0);
  }
  return { kind: "done", yes: true };
}

/** What a process would say that it holds. Not while a request of either line is under way, by which it may be given more, nor while it takes locks. */
export function reconcileRequest(world: World, process: Process): Reconcile | undefined {
  const { worker, second } = process.asking;
  if (worker !== undefined || (second !== undefined && !world.mutants.has("reconcile-beside-a-request")))
    return undefined;
  if (process.held.some(({ state }) => state === "voting")) return undefined;
  const held = [...process.held, ...process.reports].map(({ run, token }) => ({ run, token }));
  return { kind: "reconcile", number: lastNumber(process), held };
}

/** Whether the store says something else than the process. */
export function isAmiss({ store }: State, process: Process): boolean {
  const own = store.active[identityOf(process)] ?? {};
  const held = [...process.held, ...process.reports];
  return (
    hasUnknown({ store } as State, process) ||
    Object.entries(own).some(
      ([run, { token }]) => !held.some((item) => item.run === run && item.token === token),
    )
  );
}

/** Whether a process runs what the store does not say that it holds. */
export function hasUnknown({ store }: State, process: Process): boolean {
  const own = store.active[identityOf(process)] ?? {};
  return process.held.some(({ run, token }) => own[run]?.token !== token);
}

/** Handlers of what the store does not know to be held here are given up: their outcomes would be refused. */
export function giveUpUnknown(world: World, { store }: State, process: Process): void {
  if (world.mutants.has("handlers-not-given-up")) return;
  const own = store.active[identityOf(process)] ?? {};
  process.held = process.held.filter(({ run, token }) => own[run]?.token === token);
}
