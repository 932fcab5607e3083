// Election: acquire.lua and renew.lua of packages/elector, and what a candidate makes of the answers (elector.ts).
import { leaderTtl, margin, type World } from "./config.js";
import type { Answer, Request } from "./requests.js";
import type { Identity, Process, State } from "./state.js";

type Acquire = Extract<Request, { kind: "acquire" }>;
type Renew = Extract<Request, { kind: "renew" }>;

export function acquire(
  world: World,
  { store, witness }: State,
  id: Identity,
  { ended, seen }: Acquire,
): Answer {
  const holder = store.leader?.holder;
  if (holder !== undefined && holder !== id && !world.mutants.has("lease-not-exclusive")) {
    return { kind: "elected", acquired: false, epoch: store.epoch };
  }
  store.leader = { holder: id, left: leaderTtl };
  // Its own lease of a term that it never heard of: an earlier request was applied and its reply was lost.
  if (holder === id && store.epoch > ended) return { kind: "elected", acquired: true, epoch: store.epoch };
  store.epoch = Math.max(store.epoch, seen) + 1;
  witness.epoch = Math.max(witness.epoch, store.epoch);
  return { kind: "elected", acquired: true, epoch: store.epoch };
}

export function renew({ store }: State, id: Identity, { epoch }: Renew): Answer {
  if (store.leader?.holder !== id || store.epoch !== epoch) return { kind: "done", yes: false };
  store.leader.left = leaderTtl;
  return { kind: "done", yes: true };
}

/** What the answer to `acquire` or `renew` is to whoever asked. The lease counts from when the request was sent, `age` ticks ago. */
export function hearElection(process: Process, request: Acquire | Renew, answer: Answer, age: number): void {
  const left = leaderTtl - margin - age;
  if (request.kind === "acquire" && answer.kind === "elected") {
    process.seen = Math.max(process.seen, answer.epoch);
    if (!answer.acquired) return;
    if (left > 0) process.term = { epoch: answer.epoch, left };
    else process.ended = answer.epoch;
  } else if (request.kind === "renew" && answer.kind === "done" && process.term?.epoch === request.epoch) {
    if (answer.yes && process.term.left > 0 && left > 0) process.term.left = left;
    else if (!answer.yes || process.term.left <= 0) loseTerm(process);
  }
}

/** The term is over here, whatever the store says. */
export function loseTerm(process: Process): void {
  process.ended = Math.max(process.ended, process.term?.epoch ?? 0);
  process.term = null;
  process.plan = null;
}
