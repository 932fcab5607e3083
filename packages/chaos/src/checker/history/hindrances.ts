import type { LeasesFact } from "../../evidence/evidence.js";
import { pausesOf } from "../../pauses/pause-rules.js";
import { factsOf } from "../case.js";
import { echoing, faultsOn, namesIn, stallsIn, type Trouble } from "./calm.js";
import type { Ledger } from "./ledger.js";
import { type Asked, lateDone } from "./operations.js";
import { mostOf, type Placed, placesOf, scopesOf } from "./rule-places.js";
import { merged, type Span } from "./spans.js";
import { millisOf } from "./versions.js";

/** For so long after a time without nodes or without a leader what is late may come of it, ms. */
const echo = 3000;
/** Within so many ms of its beginning what befalls a leader has brought another one about, or never will. */
const succession = 20_000;
/** A node that has had no free slot claims with the next request, within so many ms. */
const claiming = 200;
/** For so long after the end of what held something back it may not have been noticed, ms. */
const noticing = 1000;
/** Runs that a node carries out at the same time: nodes of the workload are told nothing else. */
const slots = 20;

/** What can keep runs from starting, and when. All spans are merged. */
export interface Hindrances {
  /**
   * What keeps everything from starting on a node (its identity): faults of the store, of a leader and of the node itself, and for a while after them; a store
   * that stands still; no node that lives or has a free slot.
   */
  on(node: string): readonly Span[];
  /** What keeps one run: its pauses, what is done to its job, the limits and rates that it falls under, its job's other runs. */
  of(run: string): readonly Span[];
  /** The names of all pauses that hold a run back where they are there. */
  pausesOf(run: string): readonly string[];
}

/** Finds what can keep runs from starting. */
export function hindrancesIn(ledger: Ledger): Hindrances {
  const faults = faultsOn(ledger.evidence);
  const onlyOne = faults.filter(({ node }) => node !== undefined).map((fault) => echoing(fault));
  const all = merged([
    ...faults.filter(({ node }) => node === undefined).map((fault) => echoing(fault)),
    ...leaderSpans(ledger, faults),
    ...stallsIn(ledger),
    // What is claimed elsewhere has to be looked at in the first partition.
    ...(ledger.partition === 0 ? [] : stallsIn(ledger.whole.parts[0])),
    ...lonelySpans(ledger),
    ...crowdedSpans(ledger, onlyOne),
  ]);
  const nameOf = namesIn(ledger.evidence);
  const nodes = new Map<string | undefined, readonly Span[]>();
  const pauses = pauseSpans(ledger);
  const changes = changeSpans(ledger);
  const { scopes, laps } = heldSpans(ledger.whole);
  const placed = placesOf(ledger);
  const known = new Map<string, readonly Span[]>();
  const namesOf = (run: string): string[] => {
    const id = jobIdOf(run);
    const { tags = [] } = ledger.jobs.get(id)?.job ?? {};
    const { task = "", queue = "default" } = placed(run) ?? {};
    return pausesOf({ id, task, queue, tags, beside: true });
  };
  const find = (id: string, run: string): Span[] => {
    const own = placed(run);
    return merged([
      ...namesOf(run).flatMap((name) => pauses.get(name) ?? []),
      ...(changes.get(id) ?? []),
      ...(laps.get(id) ?? []),
      ...(own === undefined ? [] : scopesOf(own).flatMap((scope) => scopes.get(scope) ?? [])),
    ]);
  };
  return {
    on: (identity) => {
      const name = nameOf.get(identity);
      const spans =
        nodes.get(name) ??
        merged([...all, ...onlyOne.filter(({ node }) => name === undefined || node === name)]);
      nodes.set(name, spans);
      return spans;
    },
    of: (run) => {
      const id = jobIdOf(run);
      // All runs of a job wait for the same.
      const spans = known.get(id || run) ?? find(id, run);
      known.set(id || run, spans);
      return spans;
    },
    pausesOf: namesOf,
  };
}

/** Empty for an enqueued run. */
function jobIdOf(run: string): string {
  return run.slice(0, Math.max(0, run.lastIndexOf("@")));
}

/** When a node was befallen that led then, by what the store said of the lease of whoever leads, until another one led. */
function leaderSpans({ evidence }: Ledger, faults: readonly Trouble[]): Span[] {
  const nameOf = namesIn(evidence);
  const looks = factsOf(evidence, "leases").sort((a, b) => a.at - b.at);
  const upAt = new Map(factsOf(evidence, "up").map(({ id, at }) => [id, at]));
  return faults.flatMap((fault) => {
    if (fault.node === undefined) return [];
    // Another identity of the same node, if it ends with what befalls it, is nobody who goes on.
    const isOver = (leader: string): boolean =>
      nameOf.get(leader) === fault.node && (upAt.get(leader) ?? 0) < fault.until;
    const { from, until } = echoing(fault);
    const first = looks.findLastIndex(({ at }) => at <= from);
    const meanwhile = looks.slice(Math.max(first, 0)).filter(({ at }) => at <= until);
    const led = meanwhile.find(({ leader }) => leader !== null && nameOf.get(leader) === fault.node)?.leader;
    if (led === undefined && meanwhile.length > 0) return [];
    const next = looks.find(
      ({ at, leader }) =>
        at > fault.from &&
        at < fault.from + succession &&
        leader !== null &&
        leader !== led &&
        !isOver(leader),
    );
    return [{ from, until: Math.max(until, next === undefined ? 0 : next.at + echo) }];
  });
}

/** When no node had a lease that lasts, and for a while after that. */
function lonelySpans({ evidence }: Ledger): Span[] {
  const looks = factsOf(evidence, "leases");
  return looks.flatMap((look, index) => {
    if (liveIn(look).length > 0) return [];
    return [{ from: look.at, until: (looks[index + 1]?.at ?? look.at) + echo }];
  });
}

function liveIn({ nodes, t }: LeasesFact): string[] {
  return Object.entries(nodes).flatMap(([node, end]) =>
    end >= t && !node.startsWith("impostor-") ? [node] : [],
  );
}

/** When no node that had a lease, and that nothing befell, had a free slot: a process has its slots for all partitions. */
function crowdedSpans({ partition, whole }: Ledger, troubles: readonly Trouble[]): Span[] {
  const { told, momentOf, handedBack } = whole;
  const nameOf = namesIn(whole.evidence);
  const isSame = (one: string, other: string): boolean =>
    one === other || (whole.parts.length > 1 && nameOf.has(one) && nameOf.get(one) === nameOf.get(other));
  /** Whoever stands still, or hears nothing, takes nothing. */
  const isBefallen = (identity: string, at: number): boolean =>
    troubles.some(({ from, until, node }) => node === nameOf.get(identity) && from <= at && at <= until);
  const held = new Map<string, Set<string>>();
  const looks = factsOf(whole.evidence, "leases");
  const liveOf = new Map<number, readonly string[]>(); // by partition
  const spans: Span[] = [];
  let next = 0;
  let since: number | undefined;
  for (const line of told) {
    if (line.what === "other" || (line.what === "started" && handedBack(line))) continue;
    const { most: at } = momentOf(line);
    for (let look = looks[next]; look !== undefined && look.at <= at; look = looks[next]) {
      liveOf.set(look.partition ?? 0, liveIn(look));
      next += 1;
    }
    const live = liveOf.get(partition) ?? [];
    const own = held.get(line.node) ?? new Set<string>();
    held.set(line.node, own);
    if (line.what === "started") own.add(line.token);
    else own.delete(line.token);
    /** Under all names that its process has, in whatever partition. */
    const holds = (node: string): number =>
      [...new Set([...liveOf.values()].flat())].reduce(
        (sum, other) => sum + (isSame(node, other) ? (held.get(other)?.size ?? 0) : 0),
        0,
      );
    const isFull = (node: string): boolean => holds(node) >= slots || isBefallen(node, at);
    const isCrowded = live.length > 0 && live.every(isFull);
    if (isCrowded) since ??= at;
    else if (since !== undefined) {
      spans.push({ from: since, until: at + claiming });
      since = undefined;
    }
  }
  return spans;
}

/** When each pause may have been there, by its name. */
function pauseSpans({ operations, serverTime }: Ledger): Map<string, Span[]> {
  const spans = new Map<string, Span[]>();
  for (const one of operations) {
    const { does, asked, end } = one;
    if ((does.do !== "pause" && does.do !== "set") || end === "refused") continue;
    const { name, ttl = Number.POSITIVE_INFINITY } = does;
    const ended = operations.find(
      (other) =>
        (other.does.do === "del" || other.does.do === "resume") &&
        other.does.name === name &&
        other.end === "acknowledged" &&
        other.asked.wall >= asked.wall,
    );
    const expires = serverTime.latest(serverTime.most(asked.wall, doneBy(one)) + ttl);
    const until = Math.min(ended?.heard.wall ?? Number.POSITIVE_INFINITY, expires) + noticing;
    spans.set(name, [...(spans.get(name) ?? []), { from: asked.wall, until }]);
  }
  return spans;
}

function doneBy({ end, heard }: Asked): number {
  return end === "acknowledged" ? heard.wall : heard.wall + lateDone;
}

/** When something was done to each job. */
function changeSpans({ operations }: Ledger): Map<string, Span[]> {
  const spans = new Map<string, Span[]>();
  for (const one of operations) {
    const { does } = one;
    const jobs = does.do === "define" ? does.jobs.map(({ id }) => id) : "job" in does ? [does.job] : [];
    const span = { from: one.asked.wall, until: doneBy(one) + noticing };
    for (const job of jobs) spans.set(job, [...(spans.get(job) ?? []), span]);
  }
  return spans;
}

/** When each scope was full or had used up its rate, and when runs of each job stood in the way of its others. */
function heldSpans(ledger: Ledger): { scopes: Map<string, Span[]>; laps: Map<string, Span[]> } {
  const placed = placesOf(ledger);
  const [places, laps] = [new Meter(), new Meter()];
  const rates = new Map<string, number[]>();
  for (const line of ledger.told) {
    if (line.what === "other" || (line.what === "started" && ledger.handedBack(line))) continue;
    const at = ledger.momentOf(line).most;
    const own = placed(line.run);
    const isStart = line.what === "started";
    for (const scope of own === undefined ? [] : scopesOf(own)) {
      const most = mostOf(ledger, scope, own as Placed);
      if (Number.isFinite(most)) places.step(scope, line.token, isStart, at, most);
      const rate = rateOf(ledger, scope, own as Placed);
      if (isStart && rate !== undefined) places.add(scope, usedUp(rates, scope, at, rate));
    }
    const job = ledger.runs.get(line.run)?.job;
    const { overlap = "skip" } = ledger.jobs.get(job ?? "")?.job ?? {};
    if (job !== undefined && overlap !== "allow" && line.what !== "again")
      laps.step(job, line.run, isStart, at, 1);
  }
  return { scopes: places.spans, laps: laps.spans };
}

function rateOf(
  { trial }: Ledger,
  scope: string,
  { concurrencyKey, rateLimit }: Placed,
): { readonly max: number; readonly per: number } | undefined {
  if (scope !== `key:${concurrencyKey}`) return trial.rates[scope];
  return rateLimit && { max: rateLimit.max, per: millisOf(rateLimit.per) ?? 0 };
}

/** After the last start that a rate allows there is none until the first of them is a period ago. */
function usedUp(
  rates: Map<string, number[]>,
  scope: string,
  at: number,
  { max, per }: { readonly max: number; readonly per: number },
): Span {
  const starts = [...(rates.get(scope) ?? []), at].slice(-max);
  rates.set(scope, starts);
  const first = starts.length < max ? at - per : (starts[0] ?? at);
  return { from: at, until: Math.max(at, first + per) + noticing };
}

/** Takes down when so many held something that no other could. */
class Meter {
  readonly spans = new Map<string, Span[]>();
  readonly #holders = new Map<string, Set<string>>();
  readonly #since = new Map<string, number>();

  add(name: string, span: Span): void {
    const all = this.spans.get(name);
    if (all === undefined) this.spans.set(name, [span]);
    else all.push(span);
  }

  step(name: string, holder: string, isStart: boolean, at: number, most: number): void {
    const holders = this.#holders.get(name) ?? new Set<string>();
    this.#holders.set(name, holders);
    if (isStart) holders.add(holder);
    else holders.delete(holder);
    const since = this.#since.get(name);
    if (holders.size >= most) {
      if (since === undefined) this.#since.set(name, at);
    } else if (since !== undefined) {
      this.#since.delete(name);
      this.add(name, { from: since, until: at + noticing });
    }
  }
}
