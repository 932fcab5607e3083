import type { Evidence } from "../../evidence/evidence.js";
import { factsOf } from "../case.js";
import type { Ledger } from "./ledger.js";
import type { Span } from "./spans.js";

/** How long before and after a fault what happens may still come of it, ms. */
const echo = { before: 500, after: 3000 } as const;

/** A store that the watcher got nothing from for so long stood still by itself, ms: the disk was busy, or the processor. */
const stall = 1000;

/** Faults that nothing is late for: docs/chaos.md. */
const harmless = /^(node-clock-jump|leader-lease-deleted|locks-deleted|script-flush)$/;

/** A fault, without what comes of it later. Wall clock, ms. */
export interface Trouble extends Span {
  /** The name of the one node that it befell, or whose link; none: the store, voters, or several nodes. */
  readonly node: string | undefined;
}

/** The faults that hit, as far as what was to happen may be late for them. What was planned and befell nothing is none. */
export function faultsOn(evidence: readonly Evidence[]): Trouble[] {
  const names = new Set(factsOf(evidence, "up").map(({ node }) => node));
  return factsOf(evidence, "fault").flatMap(({ fault, target, from, until, proof, begun }) => {
    if (harmless.test(fault) || (proof === "" && begun !== true)) return [];
    return [{ from, until, node: nodeIn(target, proof, names) }];
  });
}

/** Whoever leads is known by the time that it happens: the proof says who did. */
function nodeIn(target: string, proof: string, names: ReadonlySet<string>): string | undefined {
  const name = target === "leader" ? /\((\S+)\)/.exec(proof)?.[1] : target;
  return name !== undefined && names.has(name) ? name : undefined;
}

/** The same time, and that in which something may still come of it. */
export function echoing<T extends Span>(span: T, after: number = echo.after): T {
  return { ...span, from: span.from - echo.before, until: span.until + after };
}

/** The name of a node, by its identity. */
export function namesIn(evidence: readonly Evidence[]): ReadonlyMap<string, string> {
  return new Map(factsOf(evidence, "up").map(({ id, node }) => [id, node]));
}

/** When the store stood still by itself, by how long the watcher got nothing from it, and for a while after that. */
export function stallsIn({ evidence }: Pick<Ledger, "evidence">): Span[] {
  const looks = factsOf(evidence, "leases").map(({ at }) => at);
  return looks.flatMap((at, index) => {
    const before = looks[index - 1] ?? at;
    return at - before > stall ? [{ from: before, until: at + echo.after }] : [];
  });
}

/**
 * When a fault was under way, whatever it befell, or just over, or the store stood still for another reason. Where it moved Redis' clock, by either of
 * the two clocks.
 */
export function troublesIn(ledger: Ledger): Span[] {
  const faults = factsOf(ledger.evidence, "fault").map(({ from, until, moved }) => {
    const by = Math.abs(moved?.ahead ?? 0);
    return { from: from - by, until: until + by + echo.after };
  });
  return [...faults, ...stallsIn(ledger)].map(({ from, until }) => ({ from: from - echo.before, until }));
}

/**
 * What can have held up a node (its identity), its link or the store, by the wall clock: faults, with the time in which they echo, and a store that stood still
 * for another reason. What befalls other nodes alone does not count. Of a node that nobody knows everything counts.
 *
 * @param after for so long faults echo, ms
 */
export function troublesOf(ledger: Ledger, after: number = echo.after): (node: string) => readonly Span[] {
  const nameOf = namesIn(ledger.evidence);
  const faults = faultsOn(ledger.evidence).map((fault) => echoing(fault, after));
  const stalls = stallsIn(ledger);
  const known = new Map<string | undefined, Span[]>();
  return (identity) => {
    const name = nameOf.get(identity);
    const spans = known.get(name) ?? [
      ...stalls,
      ...faults.filter(({ node }) => node === undefined || name === undefined || node === name),
    ];
    known.set(name, spans);
    return spans;
  };
}

/** How to find whether none of that held up a node (its identity) in a time by the wall clock, ms. */
export function calmIn(ledger: Ledger): (node: string, from: number, until: number) => boolean {
  const troubles = troublesOf(ledger);
  return (node, from, until) => troubles(node).every((one) => one.from > until || one.until < from);
}
