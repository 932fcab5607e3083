import type { Ratio, Ratios } from "./compare.js";
import { median } from "./statistics.js";
import { figure } from "./table.js";

/** One measurement of one contestant, to be taken in each round. */
export interface Turn {
  /** The row of the table. */
  readonly row: string;
  readonly contestant: string;
  /** Takes it; several figures for several rows, where one measurement gives them. */
  measure(): Promise<number | Readonly<Record<string, number>>>;
}

/** Figures of a row, by contestant: one a round. */
export interface Row {
  readonly name: string;
  /** Whether more of it is better, or less. */
  readonly better: "more" | "less";
  readonly samples: Readonly<Record<string, readonly number[]>>;
}

/** What was measured, and what could not be. */
export interface Rounds {
  /** By row and contestant. */
  readonly samples: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
  readonly failures: readonly string[];
}

/**
 * Lets all take their turns, row by row, another one first in each round. Who fails is left out of that row from then on, with the
 * reason.
 */
export async function takeTurns(rows: readonly (readonly Turn[])[], rounds: number): Promise<Rounds> {
  const samples: Record<string, Record<string, number[]>> = {};
  const failures = new Map<Turn, string>();
  const add = (row: string, contestant: string, sample: number): void => {
    samples[row] ??= {};
    samples[row][contestant] ??= [];
    samples[row][contestant].push(sample);
  };
  const take = async (turn: Turn): Promise<void> => {
    try {
      const measured = await turn.measure();
      if (typeof measured === "number") add(turn.row, turn.contestant, measured);
      else for (const [row, sample] of Object.entries(measured)) add(row, turn.contestant, sample);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      failures.set(turn, `${turn.contestant}, ${turn.row}: ${reason}`);
    }
  };
  for (let round = 0; round < rounds; round += 1) {
    for (const turns of rows) {
      const first = round % Math.max(turns.length, 1);
      for (const turn of [...turns.slice(first), ...turns.slice(0, first)])
        if (!failures.has(turn)) await take(turn);
    }
  }
  return { samples, failures: [...failures.values()] };
}

/** How many times better one came off than the other, over all rounds; `undefined` where either has no figures, or none that can be divided. */
export function ratioOf({ samples, better }: Row, ours: string, theirs: string): Ratio | undefined {
  const [own = [], others = []] = [samples[ours], samples[theirs]];
  if (own.length === 0 || others.length === 0) return undefined;
  const ratio = (one: number, other: number): number => (better === "more" ? one / other : other / one);
  const each = own.slice(0, others.length).map((sample, round) => ratio(sample, others[round] ?? sample));
  const [all, least, most] = [ratio(median(own), median(others)), Math.min(...each), Math.max(...each)];
  // Of nothing there is none: no fires lost, no commands sent; nor of what never came.
  return [all, least, most].every((one) => Number.isFinite(one) && one > 0)
    ? { ratio: all, least, most }
    : undefined;
}

/** Cells of a row: its name, the median of each contestant, and what ours is against the peer's. */
export function cellsOf(row: Row, contestants: readonly string[], ours: string, peer: string): string[] {
  const ratio = ratioOf(row, ours, peer);
  const shown = contestants.map((name) => {
    const samples = row.samples[name] ?? [];
    return samples.length === 0 ? "–" : figure(median(samples));
  });
  return [row.name, ...shown, ratio === undefined ? "–" : ratioText(ratio)];
}

/** `5.1× (4.8–5.3)`. */
export function ratioText({ ratio, least, most }: Ratio): string {
  return `${figure(ratio)}× (${figure(least)}–${figure(most)})`;
}

/** The ratios of rows, by the work's and the row's name. */
export function ratiosOf(work: string, rows: readonly Row[], ours: string, peer: string): Ratios {
  return Object.fromEntries(
    rows.flatMap((row) => {
      const ratio = ratioOf(row, ours, peer);
      return ratio === undefined ? [] : [[`${work}: ${row.name}`, ratio]];
    }),
  );
}
