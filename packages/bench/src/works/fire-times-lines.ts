import { ours, oursByCall, peers } from "../contestants.js";
import { geometricMean } from "../statistics.js";
import { figure, table, times } from "../table.js";
import type { FireTimesFigures, Pair } from "./fire-times.js";

/** Instants for which a contestant gives another next fire time than ours. */
export interface Disagreement {
  readonly contestant: string;
  readonly expr: string;
  readonly zone: string;
  /** How many of how many instants. */
  readonly count: number;
  readonly of: number;
  readonly example: { readonly after: string; readonly ours: string | null; readonly theirs: string | null };
}

/** A contestant that threw, and is left out there. */
export interface Excluded {
  readonly contestant: string;
  readonly expr: string;
  readonly zone: string;
  readonly reason: string;
}

/** What people read of the work: a row for each expression, then what it comes to. */
export function fireTimesLines(figures: FireTimesFigures): string[] {
  const { pairs, comparisons, disagreements, excluded } = figures;
  const head = [
    "ns each, over zones",
    ours.name,
    oursByCall.name,
    ...peers.flatMap(({ name }) => [name, "×"]),
  ];
  const rows = [...new Set(pairs.map(({ expr }) => expr))].map((expr) =>
    row(
      expr,
      pairs.filter((pair) => pair.expr === expr),
    ),
  );
  const lines = [...table(head, [...rows, row("all", pairs)]), ""];
  for (const [name, { geometricMean: mean, least }] of Object.entries(comparisons)) {
    lines.push(
      `${name} takes ${times(mean)} as long (geometric mean), at least ${times(least.ratio)} (${least.expr}, ${least.zone})`,
    );
  }
  const differing = disagreements.reduce((sum, { count }) => sum + count, 0);
  lines.push(
    `Other answers than ours: ${differing}, in ${disagreements.length} of ${pairs.length} pairs; left out: ${excluded.length}`,
  );
  for (const { contestant, expr, zone, count, of, example } of disagreements) {
    lines.push(
      `  ${contestant}, ${expr}, ${zone}: ${count} of ${of}; after ${example.after} ours ${example.ours}, theirs ${example.theirs}`,
    );
  }
  lines.push(...excludedLines(excluded));
  return lines;
}

/** A line for all zones in which a contestant does not take an expression for the same reason. */
function excludedLines(excluded: readonly Excluded[]): string[] {
  const zonesOf = new Map<string, string[]>();
  for (const { contestant, expr, zone, reason } of excluded) {
    const why = `${contestant}, ${expr}: left out, it throws "${reason.slice(0, 150)}" in`;
    zonesOf.set(why, [...(zonesOf.get(why) ?? []), zone]);
  }
  return [...zonesOf].map(([why, zones]) => `  ${why} ${zones.join(", ")}`);
}

function row(name: string, pairs: readonly Pair[]): string[] {
  const mean = (contestant: string): number | undefined => {
    const all = pairs.flatMap(({ ns }) => ns[contestant] ?? []);
    return all.length === 0 ? undefined : geometricMean(all);
  };
  const own = mean(ours.name);
  const others = peers.flatMap((peer) => {
    // Where a peer is left out, ours does not count in the ratio either.
    const ratios = pairs.flatMap(({ ns }) => {
      const [mine, theirs] = [ns[ours.name], ns[peer.name]];
      return mine === undefined || theirs === undefined ? [] : theirs / mine;
    });
    return [figure(mean(peer.name)), times(ratios.length === 0 ? undefined : geometricMean(ratios))];
  });
  return [name, figure(own), figure(mean(oursByCall.name)), ...others];
}
