// A state as text, the same for states that differ only in names: of processes and voters, and in how far counters have counted. What a process is
// mentioned in stands in its column, and columns are sorted; tokens, terms, request numbers and identities go by their order. Nor does it matter which of a
// node's two lines is the first.
// Equal texts mean that one state is the other with names exchanged, which no step looks at. So exploring one of them is enough.
import type { World } from "./config.js";
import { type Numbers, numberings, type Rank, ranked } from "./ranks.js";
import { processOf, type Request } from "./requests.js";
import {
  attemptKey,
  type Identity,
  identityOf,
  type Message,
  type Process,
  type State,
  type Store,
} from "./state.js";

interface Ranks {
  readonly token: Rank;
  readonly epoch: Rank;
}

export function encode(world: World, state: State): string {
  const ranks: Ranks = { token: ranked(tokensOf(state)), epoch: ranked(epochsOf(state)) };
  const columns = state.processes.map((process) => ({ process, text: column(world, state, process, ranks) }));
  columns.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
  const { store, replica, now, left, witness } = state;
  return [
    now,
    Object.values(left).join(),
    columns.map(({ text }) => text).join("/"),
    encodeStore(world, store, ranks),
    replica === null ? "" : encodeStore(world, replica, ranks),
    world.voters === 0
      ? ""
      : encodeVoters(
          state,
          columns.map(({ process }) => process),
          ranks,
        ),
    world.runs.map((run) => [1, 2, 3].map((n) => witness.starts[attemptKey(run, n)] ?? 0).join("")).join(),
    ranks.token(witness.token),
    ranks.epoch(witness.epoch),
    witness.broken.join(),
  ].join("|");
}

function tokensOf({ store, replica, processes, network, voters, witness }: State): number[] {
  const tokens = [witness.token, 0];
  for (const one of replica === null ? [store] : [store, replica]) {
    tokens.push(one.fence);
    for (const runs of Object.values(one.active))
      for (const { token } of Object.values(runs)) tokens.push(token);
    for (const { left } of Object.values(one.attempts)) tokens.push(...left);
  }
  for (const { held, reports, asking } of processes) {
    for (const { token, left } of held) tokens.push(token, ...left);
    for (const { token, value } of reports) tokens.push(token, value);
    for (const request of Object.values(asking)) tokens.push(...tokensIn(request));
  }
  for (const message of network) {
    if (message.what === "vote") tokens.push(message.value);
    else tokens.push(...tokensIn(message.request));
    if (message.what === "reply" && message.answer.kind === "claimed")
      for (const { token, left } of message.answer.claimed) tokens.push(token, ...left);
  }
  for (const { locks } of voters) tokens.push(...Object.values(locks));
  return tokens;
}

function tokensIn(request: Request): number[] {
  if (request.kind === "claim") return request.completions.flatMap(({ token, value }) => [token, value]);
  return request.kind === "reconcile" ? request.held.map(({ token }) => token) : [];
}

function epochsOf({ store, replica, processes, network, witness }: State): number[] {
  const epochs = [0, store.epoch, replica?.epoch ?? 0, witness.epoch];
  for (const { term, ended, seen, asking } of processes) {
    epochs.push(term?.epoch ?? 0, ended, seen);
    for (const request of Object.values(asking)) epochs.push(...epochsIn(request));
  }
  for (const message of network) {
    if (message.what !== "vote") epochs.push(...epochsIn(message.request));
    if (message.what === "reply" && message.answer.kind === "elected") epochs.push(message.answer.epoch);
  }
  return epochs;
}

function epochsIn(request: Request): number[] {
  if ("epoch" in request) return [request.epoch];
  return request.kind === "acquire" ? [request.ended, request.seen] : [];
}

/** Everything about one process: what it believes, what the store has of its identities, what it has in flight. */
function column(world: World, state: State, process: Process, ranks: Ranks): string {
  const { store, replica, network } = state;
  const own = network.filter(({ from }) => processOf(from) === process.name);
  const stores = replica === null ? [store] : [store, replica];
  const ids = new Set<Identity>(own.map(({ from }) => from));
  for (const one of stores) {
    for (const id of [...Object.keys(one.nodes), ...Object.keys(one.active), ...Object.keys(one.requests)])
      if (processOf(id) === process.name) ids.add(id);
    if (one.leader !== null && processOf(one.leader.holder) === process.name) ids.add(one.leader.holder);
  }
  if (process.up) ids.add(identityOf(process));
  const sorted = [...ids].sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
  const parts = sorted.map((id) => {
    const mail = own.filter(({ from }) => from === id);
    const present = process.up && identityOf(process) === id ? process : undefined;
    const texts = numberings(world, present, id, stores, mail).map((numbers) =>
      encodeIdentity(world, present, id, stores, mail, ranks, numbers),
    );
    return texts.sort()[0];
  });
  return parts.join(";");
}

function encodeIdentity(
  world: World,
  present: Process | undefined,
  id: Identity,
  stores: readonly Store[],
  own: readonly Message[],
  ranks: Ranks,
  numbers: Numbers,
): string {
  const kept = stores.map(({ nodes, active, requests, leader }) => {
    const held = Object.entries(active[id] ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
    const runs = held.map(
      ([run, one]) => `${run}.${one.attempt}.${ranks.token(one.token)}.${numbers.any(one.number)}`,
    );
    const answered = numbers.lines.map((line) => {
      const last = requests[id]?.[line];
      return last && `${numbers.of(line, last.number)}${last.accepted.map(Number).join("")}`;
    });
    return [nodes[id] ?? "-", leader?.holder === id ? leader.left : "", runs.join(), answered.join("=")].join(
      ":",
    );
  });
  const mail = own.map((message) => encodeMessage(world, message, ranks, numbers)).sort();
  const believes = present === undefined ? "" : encodeProcess(world, present, ranks, numbers);
  return [kept.join("~"), mail.join("&"), believes].join("!");
}

function encodeProcess(
  world: World,
  { lease, numbers: last, held, reports, asking, term, ended, seen, plan }: Process,
  { token, epoch }: Ranks,
  numbers: Numbers,
): string {
  const items = held.map(
    (one) =>
      `${one.run}.${one.attempt}.${token(one.token)}.${one.state}.${one.left.map(token).join("+")}.${[...one.votes].sort().join("")}`,
  );
  const said = reports.map(
    (one) => `${one.run}.${one.attempt}.${token(one.token)}.${one.outcome}${token(one.value)}`,
  );
  const asked = Object.values(asking).map((request) => encodeRequest(request, { token, epoch }, numbers));
  if (world.lines === 2) {
    asked.sort();
    if (world.voters === 0) items.sort(); // what voters were asked goes by the order in which runs are held
  }
  const leads = term === null ? "" : `${epoch(term.epoch)}.${term.left}`;
  const planned =
    plan === null ? "" : `${plan.job}${plan.version}.${plan.expected}.${plan.times.join("+")}.${plan.next}`;
  return [
    lease,
    numbers.lines.map((line) => numbers.of(line, last[line])).join("="),
    items.join(),
    said.join(),
    asked.join(),
    leads,
    epoch(ended),
    epoch(seen),
    planned,
  ].join(":");
}

function encodeRequest(request: Request, { token, epoch }: Ranks, numbers: Numbers): string {
  const { kind } = request;
  if (kind === "claim") {
    const said = request.completions.map(
      (one) => `${one.run}.${one.attempt}.${token(one.token)}.${one.outcome}${token(one.value)}`,
    );
    const line = numbers.lines.indexOf(request.line);
    return `c${line}.${numbers.of(request.line, request.number)}.${request.slots}.${said.join("+")}`;
  }
  if (kind === "reconcile")
    return `r${numbers.any(request.number)}${request.held.map((one) => `${one.run}.${token(one.token)}`).join("+")}`;
  if (kind === "materialise")
    return `m${epoch(request.epoch)}${request.job}${request.version}.${request.expected}.${request.times.join("+")}.${request.next}`;
  if (kind === "acquire") return `a${epoch(request.ended)}.${epoch(request.seen)}`;
  return "epoch" in request ? `${kind}${epoch(request.epoch)}` : kind;
}

function encodeMessage(world: World, message: Message, ranks: Ranks, numbers: Numbers): string {
  if (message.what === "vote") return `v${message.key}.${ranks.token(message.value)}.${message.voter}`;
  // How old a claim is makes no difference; where a node has one line only, states are told apart by it all the same.
  const age = world.lines === 2 && "number" in message.request ? "" : message.age;
  const request = `${encodeRequest(message.request, ranks, numbers)}@${age}`;
  if (message.what === "request") return `${message.orphan ? "o" : "q"}${request}`;
  const { answer } = message;
  const given =
    answer.kind === "claimed"
      ? `${answer.accepted.map(Number).join("")}.${answer.claimed.map((one) => `${one.run}.${one.attempt}.${ranks.token(one.token)}.${one.left.map(ranks.token).join("+")}`).join()}`
      : "";
  const elected = answer.kind === "elected" ? `${answer.acquired}${ranks.epoch(answer.epoch)}` : "";
  return `p${request}${answer.kind}${answer.kind === "refused" ? answer.code : ""}${answer.kind === "done" ? answer.yes : ""}${given}${elected}`;
}

/** What the store has apart from what is about nodes. */
function encodeStore(world: World, store: Store, { token, epoch }: Ranks): string {
  const runs = world.runs.map((run) => {
    const has = [store.ready, store.blocked, store.paused, store.unstarted]
      .map((set) => (set.includes(run) ? 1 : 0))
      .join("");
    const further = store.attempts[run];
    const ends = [1, 2, 3].map(
      (n) =>
        `${store.locks.includes(attemptKey(run, n)) ? "L" : ""}${(store.outcomes[attemptKey(run, n)] ?? []).join("+")}`,
    );
    const known =
      further === undefined ? "" : `${further.next}.${further.lost}.${further.left.map(token).join("+")}`;
    return [has, store.waiting[run] ?? "", known, (store.history[run] ?? []).join("+"), ends.join(".")].join(
      ":",
    );
  });
  const jobs = Object.keys(world.jobs).map((job) => {
    const { run, since } = store.running[job] ?? { run: "", since: "" };
    const at = store.jobs[job];
    const flags = [store.pauses, store.noticed].map((set) => (set.includes(job) ? 1 : 0)).join("");
    return [
      at === undefined ? "" : `${at.version}.${at.since}`,
      store.due[job] ?? "",
      store.frozen[job] ?? "",
      run,
      since,
      flags,
    ].join(":");
  });
  return [
    runs.join(),
    jobs.join(),
    token(store.fence),
    epoch(store.epoch),
    store.leader === null ? "" : store.leader.left,
  ].join(";");
}

/** Voters, each with what the processes, in the order of their columns, have been told by it. */
function encodeVoters({ voters, network }: State, processes: readonly Process[], { token }: Ranks): string {
  const columns = voters.map(({ up, locks }, index) => {
    const held = Object.entries(locks)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${key}=${token(value)}`);
    const told = processes.map((process) => process.held.map(({ votes }) => votes[index] ?? "").join("+"));
    const late = network.filter((one) => one.what === "vote" && one.voter === index).length;
    return [up ? 1 : 0, held.join(), told.join(), late].join(":");
  });
  return columns.sort().join("/");
}
