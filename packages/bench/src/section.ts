import { table } from "./table.js";

/** A table with what there is to say of it: for the terminal, and for docs/benchmarks.md. Plain JSON. */
export interface Section {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly notes: readonly string[];
}

/** For the terminal. */
export function sectionLines({ head, rows, notes }: Section): string[] {
  return [...table(head, rows), ...notes.map((note) => `- ${note}`)];
}
