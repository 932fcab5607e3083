// A node's lease: heartbeat.lua; its end; and recover.lua, by which the leader takes over what dead nodes held.
import { nodeTtl, type World } from "./config.js";
import { loseTerm } from "./elect.js";
import type { Answer } from "./requests.js";
import { isLeased, lose } from "./runs.js";
import { type Identity, identityOf, type Process, type State } from "./state.js";
import { type Step, step } from "./step.js";

export function heartbeat(world: World, { store }: State, node: Identity): Answer {
  if (!isLeased(store, node) && !world.mutants.has("heartbeat-never-stops"))
    return { kind: "refused", code: "NODE_DEAD" };
  store.nodes[node] = nodeTtl;
  return { kind: "done", yes: true };
}

/** Declares nodes dead whose lease has ended, and gives what they held another attempt, or records it as lost. */
export function recover(world: World, { store }: State): Answer {
  const early = world.mutants.has("recover-too-early");
  for (const [node, ticks] of Object.entries(store.nodes)) {
    if (ticks > (early ? nodeTtl : 0)) continue;
    if (!early) delete store.nodes[node];
    const runs = Object.entries(store.active[node] ?? {});
    if (world.mutants.has("recover-skipped")) continue;
    for (const [run, { attempt }] of runs) lose(world, store, run, attempt, 0);
    delete store.active[node];
    if (!early) delete store.requests[node];
  }
  return { kind: "done", yes: true };
}

/** The identity is over: nothing that it did or meant to do is reported. What it has sent is on its way still. */
export function endIdentity(state: State, process: Process): void {
  const who = identityOf(process);
  process.up = false;
  process.lease = 0;
  process.held = [];
  process.reports = [];
  process.asking = {};
  loseTerm(process);
  for (const message of state.network)
    if (message.what === "request" && message.from === who) message.orphan = true;
  state.network = state.network.filter(({ what, from }) => what !== "reply" || from !== who);
}

/** Processes die, notice that their lease has ended, and start over under new identities. */
export function* lifeSteps(world: World, state: State): Iterable<Step> {
  for (const [index, process] of state.processes.entries()) {
    const change = (what: (process: Process, next: State) => void) => (next: State) => {
      const own = next.processes[index];
      if (own !== undefined) what(own, next);
    };
    const who = identityOf(process);
    if (process.up && process.lease === 0) {
      yield step(
        state,
        `${who} sees that its lease may have ended, and gives up`,
        change((own, next) => endIdentity(next, own)),
      );
    }
    if (process.up && state.left.faults > 0 && world.kinds.includes("crash")) {
      yield step(
        state,
        `${who} crashes`,
        change((own, next) => endIdentity(next, own)),
        1,
      );
    }
    if (process.term !== null && process.term.left === 0) {
      yield step(
        state,
        `${who} sees that its term has ended`,
        change((own) => loseTerm(own)),
      );
    }
    if (!process.up) {
      const name = `${process.name}${process.born + 1}`;
      yield step(
        state,
        `a new process joins as ${name}`,
        change((own, { store }) => {
          const numbers = { 1: 0, 2: 0 };
          Object.assign(own, { up: true, born: own.born + 1, lease: nodeTtl, numbers, ended: 0, seen: 0 });
          store.nodes[name] = nodeTtl;
        }),
      );
    }
  }
}
