import { bullmq, escapement } from "../queues/index.js";
import { cellsOf, type Row } from "../rounds.js";
import type { Section } from "../section.js";

/** A table of rows, with a column for each contestant that has a figure, and the ratio to BullMQ with its spread. */
export function queueSection(
  title: string,
  rows: readonly Row[],
  contestants: readonly string[],
  notes: readonly string[],
): Section {
  const shown = contestants.filter((name) => rows.some(({ samples }) => (samples[name]?.length ?? 0) > 0));
  return {
    title,
    head: ["", ...shown, `to ${bullmq.name} (rounds)`],
    rows: rows.map((row) => cellsOf(row, shown, escapement.name, bullmq.name)),
    notes,
  };
}
