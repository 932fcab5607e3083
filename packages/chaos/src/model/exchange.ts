// Requests and replies: sent, carried out, heard; late, lost, and sent again (pitfalls I1 to I4).
import { claim } from "./claim.js";
import { leaderTtl, margin, nodeTtl, type World } from "./config.js";
import { acquire, hearElection, renew } from "./elect.js";
import { materialise } from "./materialise.js";
import { watch } from "./pause.js";
import { giveUpUnknown, isAmiss, reconcile, reconcileRequest } from "./reconcile.js";
import { endIdentity, heartbeat, recover } from "./recover.js";
import {
  type Answer,
  type Claimed,
  loopOf,
  loopOfLine,
  type Request,
  tellAnswer,
  tellRequest,
} from "./requests.js";
import { type Identity, identityOf, lastNumber, type Message, type Process, type State } from "./state.js";
import { may, type Step, step } from "./step.js";

type ClaimRequest = Extract<Request, { kind: "claim" }>;

/** The store carries out one request, as one step. */
function execute(world: World, state: State, from: Identity, request: Request): Answer {
  const answer = answerTo(world, state, from, request);
  state.calls.push({ from, request, answer });
  return answer;
}

function answerTo(world: World, state: State, from: Identity, request: Request): Answer {
  switch (request.kind) {
    case "claim":
      return claim(world, state, from, request);
    case "reconcile":
      return reconcile(world, state, from, request);
    case "acquire":
      return acquire(world, state, from, request);
    case "renew":
      return renew(state, from, request);
    case "heartbeat":
      return heartbeat(world, state, from);
    default:
      return lead(world, state, request);
  }
}

/** The leader's writes: each carries its epoch, and an older one is refused. */
function lead(
  world: World,
  state: State,
  request: Extract<Request, { kind: "materialise" | "recover" | "watch" }>,
): Answer {
  const { store, witness } = state;
  if (store.epoch !== request.epoch && !world.mutants.has("no-epoch-check"))
    return { kind: "refused", code: "STALE_EPOCH" };
  const isLatest = witness.epoch === request.epoch || world.kinds.includes("failover"); // a store that lost writes may forget a term
  if (!isLatest) witness.broken.push("only the latest term writes");
  if (request.kind === "materialise") return materialise(world, state, request);
  return request.kind === "recover" ? recover(world, state) : watch(state);
}

/** What an answer is to the process that waited for it. */
function hear(
  world: World,
  state: State,
  process: Process,
  request: Request,
  answer: Answer,
  age: number,
): void {
  delete process.asking[loopOf(request)];
  // It takes that for no answer to a claim, and repeats it.
  if (request.kind === "claim" && answer.kind === "refused" && answer.code === "STALE_REQUEST")
    process.asking[loopOf(request)] = request;
  if (answer.kind === "refused" && answer.code === "NODE_DEAD") endIdentity(state, process);
  else if (request.kind === "heartbeat") process.lease = Math.max(0, nodeTtl - age);
  else if (request.kind === "acquire" || request.kind === "renew")
    hearElection(process, request, answer, age);
  else if (request.kind === "reconcile" && answer.kind === "done") giveUpUnknown(world, state, process);
  else if (request.kind === "claim" && answer.kind === "claimed")
    hearClaim(world, state, process, request, answer.accepted, answer.claimed);
}

function hearClaim(
  world: World,
  state: State,
  process: Process,
  request: ClaimRequest,
  accepted: boolean[],
  claimed: Claimed[],
): void {
  for (const [index, { run, attempt }] of request.completions.entries()) {
    const known = state.store.outcomes[`${run}#${attempt}`] ?? [];
    if (accepted[index] !== true && world.voters === 0 && known[0] === "succeeded")
      state.witness.broken.push("who is told that it was refused was refused");
  }
  for (const { run, token, attempt, left } of claimed) {
    const votes = state.voters.map(() => "?" as const);
    process.held.push({ run, token, attempt, left, state: votes.length > 0 ? "voting" : "claimed", votes });
  }
}

/** What the loops of a process may ask now. */
function* wanted(
  world: World,
  state: State,
  process: Process,
): Iterable<{ request: Request; onlyLate?: true }> {
  const { asking, term, plan } = process;
  const { store } = state;
  const who = identityOf(process);
  if (world.works) {
    for (const request of claimsWanted(world, state, process)) yield { request };
    const request = reconcileRequest(world, process);
    const isNeeded = isAmiss(state, process) && !world.mutants.has("reconcile-skipped");
    if (request !== undefined) yield isNeeded ? { request } : { request, onlyLate: true };
  }
  if (asking.heart === undefined && (process.lease < nodeTtl || (store.nodes[who] ?? 0) < nodeTtl))
    yield { request: { kind: "heartbeat" } };
  const isFree =
    store.leader === null || store.leader.holder === who || world.mutants.has("lease-not-exclusive");
  if (asking.elector === undefined && term === null && isFree)
    yield { request: { kind: "acquire", ended: process.ended, seen: process.seen } };
  if (asking.elector === undefined && term !== null && term.left < leaderTtl - margin)
    yield { request: { kind: "renew", epoch: term.epoch } };
  if (asking.leader !== undefined || term === null) return;
  const { epoch } = term;
  if (plan !== null) yield { request: { kind: "materialise", epoch, ...plan } };
  const early = world.mutants.has("recover-too-early") ? nodeTtl : 0;
  if (Object.values(store.nodes).some((ticks) => ticks <= early))
    yield { request: { kind: "recover", epoch } };
  if (store.noticed.some((job) => !store.pauses.includes(job))) yield { request: { kind: "watch", epoch } };
}

/** Claims that a process may send now: one of each line that has nothing under way, for half of its slots at most where it has two. */
function* claimsWanted(world: World, { store }: State, process: Process): Iterable<ClaimRequest> {
  const { asking, held, reports, numbers } = process;
  if (asking.worker?.kind === "reconcile") return;
  const isDue = store.ready.length > 0 || Object.values(store.waiting).some((ticks) => ticks === 0);
  const isVoting = held.some((item) => item.state === "voting");
  if (isVoting && world.lines === 1) return;
  const coming = [asking.worker, asking.second].map((one) => (one?.kind === "claim" ? one.slots : 0));
  const free = world.slots - held.length - coming.reduce((sum, one) => sum + one, 0);
  const slots = isDue ? Math.max(0, Math.min(free, Math.ceil(world.slots / world.lines))) : 0;
  if (slots === 0 && reports.length === 0) return;
  for (const line of world.lines === 1 ? ([1] as const) : ([1, 2] as const)) {
    if (asking[loopOfLine(line)] !== undefined) continue;
    const last = world.mutants.has("lines-count-apart") ? numbers[line] : lastNumber(process);
    yield { kind: "claim", line, number: last + 1, slots, completions: reports };
  }
}

/** A request leaves: what it carries is on its way, not in the process any more. */
function leaves(process: Process, request: Request): void {
  if (request.kind === "claim") {
    process.numbers[request.line] = request.number;
    process.reports = [];
  } else if (request.kind === "materialise") process.plan = null;
}

function* ask(
  world: World,
  state: State,
  index: number,
  request: Request,
  onlyLate: boolean,
): Iterable<Step> {
  const loop = loopOf(request);
  const from = identityOf(state.processes[index] as Process);
  const says = `${from} sends ${tellRequest(request)}`;
  // Only the worker waits for an answer to the same request again; the others go on, and ask anew.
  const waits = request.kind === "claim";
  const change = (what: (process: Process, next: State) => unknown) => (next: State) => {
    const process = next.processes[index];
    if (process === undefined) return;
    leaves(process, request);
    return what(process, next);
  };
  if (world.travels.includes(loop) && !onlyLate) {
    yield step(
      state,
      says,
      change((process, next) => {
        process.asking[loop] = request;
        next.network.push({ what: "request", from, request, age: 0, orphan: false });
      }),
    );
    return;
  }
  if (!onlyLate) {
    yield step(
      state,
      says,
      change((process, next) => {
        const answer = execute(world, next, from, request);
        hear(world, next, process, request, answer, 0);
        return tellAnswer(answer);
      }),
    );
    if (may(world, state, "lost")) {
      yield step(
        state,
        `${says}, and the reply is lost`,
        change((process, next) => {
          if (waits) process.asking[loop] = request;
          return tellAnswer(execute(world, next, from, request));
        }),
        1,
      );
    }
  }
  if (!may(world, state, "late")) return;
  yield step(
    state,
    `${says}, and waits for it no more; it is on its way still`,
    change((process, next) => {
      if (waits) process.asking[loop] = request;
      next.network.push({ what: "request", from, request, age: 0, orphan: true });
    }),
    1,
  );
}

/** A process waits: for what is lost, or for what it gives up. A worker sends the same request again; the others ask anew. */
function* againSteps(world: World, state: State, index: number): Iterable<Step> {
  const process = state.processes[index] as Process;
  const from = identityOf(process);
  for (const request of Object.values(process.asking)) {
    const loop = loopOf(request);
    const isOurs = (message: Message): boolean =>
      message.what !== "vote" && message.from === from && loopOf(message.request) === loop;
    const live = state.network.filter(
      (message) =>
        isOurs(message) && (message.what === "reply" || (message.what === "request" && !message.orphan)),
    );
    if (live.length > 0 && !may(world, state, "late")) continue;
    const how = live.length > 0 ? "which is on its way still" : "to which there is no answer";
    const orphaned = (next: State): Process | undefined => {
      for (const message of next.network)
        if (message.what === "request" && isOurs(message)) message.orphan = true;
      next.network = next.network.filter((message) => message.what !== "reply" || !isOurs(message));
      return next.processes[index];
    };
    const faults = live.length > 0 ? 1 : 0;
    if (request.kind !== "claim") {
      yield step(
        state,
        `${from} gives up ${tellRequest(request)}, ${how}`,
        (next) => {
          delete orphaned(next)?.asking[loop];
        },
        faults,
      );
    } else if (world.travels.includes(loop)) {
      yield step(
        state,
        `${from} repeats ${tellRequest(request)}, ${how}`,
        (next) => {
          orphaned(next);
          next.network.push({ what: "request", from, request, age: 0, orphan: false });
        },
        faults,
      );
    } else {
      yield step(state, `${from} repeats ${tellRequest(request)}`, (next) => {
        const own = orphaned(next) as Process;
        const answer = execute(world, next, from, request);
        hear(world, next, own, request, answer, 0);
        return tellAnswer(answer);
      });
    }
  }
}

/** What is in flight arrives, in any order, or is lost. */
function* arrivals(world: World, state: State): Iterable<Step> {
  for (const [at, message] of state.network.entries()) {
    const took = (what: (next: State) => unknown) => (next: State) => {
      next.network.splice(at, 1);
      return what(next);
    };
    if (message.what === "vote") {
      yield step(
        state,
        `the late request of ${message.from} for the lock of ${message.key} arrives at voter ${message.voter + 1}`,
        took(({ voters }) => {
          const locks = voters[message.voter]?.locks;
          if (locks !== undefined && locks[message.key] === undefined) locks[message.key] = message.value;
        }),
      );
      continue;
    }
    const { from, request, age } = message;
    if (message.what === "request") {
      yield step(
        state,
        `the store carries out ${tellRequest(request)}, of ${from}`,
        took((next) => {
          const answer = execute(world, next, from, request);
          if (!message.orphan) next.network.push({ what: "reply", from, request, answer, age });
          return tellAnswer(answer);
        }),
      );
    } else {
      yield step(
        state,
        `${from} hears of ${tellRequest(request)}`,
        took((next) => {
          const process = next.processes.find((one) => one.up && identityOf(one) === from);
          if (process !== undefined) hear(world, next, process, request, message.answer, age);
          return tellAnswer(message.answer);
        }),
      );
    }
    if ((message.what === "request" && message.orphan) || !may(world, state, "lost")) continue;
    yield step(
      state,
      `the ${message.what} of ${tellRequest(request)}, ${from}, is lost`,
      took(() => undefined),
      1,
    );
  }
}

export function* exchangeSteps(world: World, state: State): Iterable<Step> {
  for (const [index, process] of state.processes.entries()) {
    if (!process.up) continue;
    for (const { request, onlyLate } of wanted(world, state, process))
      yield* ask(world, state, index, request, onlyLate === true);
    yield* againSteps(world, state, index);
  }
  yield* arrivals(world, state);
}
