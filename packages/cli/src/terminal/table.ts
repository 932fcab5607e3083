import { type Colour, type Output, paint } from "./output.js";
import { printableLine } from "./printable.js";
import { cut as cutTo, fit, widthOf } from "./width.js";

const gap = "  ";

/**
 * Rows in columns, a heading above them. Where a row would be wider than `width`, cells are cut and end in `…`: first those of the
 * last column, then the widest others; those of the first, which says what the row is about, as late as can be.
 *
 * @param width in columns of a terminal; 80 if left out
 */
export function table(headings: readonly string[], rows: readonly (readonly string[])[], width = 80): string {
  const cells = [headings, ...rows].map((row) => row.map((cell) => printableLine(cell.slice(0, 1000))));
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => widthOf(row[column] ?? ""))));
  const last = widths.length - 1;
  const cut = (column: number, least: number): void => {
    const over = sum(widths) + gap.length * last - width;
    const own = widths[column] ?? 0;
    if (over > 0 && own > least) widths[column] = Math.max(least, own - over);
  };
  cut(last, 10);
  for (let column = last - 1; column > 0; column -= 1) cut(column, 24);
  cut(0, 24);
  for (let column = last; column >= 0; column -= 1) cut(column, 6);
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, column) => fit(cell, widths[column] ?? 0))
          .join(gap)
          .trimEnd()}\n`,
    )
    .join("");
}

/** How {@link paintedTable} shows rows, by their number. */
export interface RowLooks {
  readonly colour?: (row: number) => Colour | undefined;
  /** What is said below a row, on one line: cut, but no column is narrower for it. */
  readonly below?: (row: number) => string | undefined;
}

/** The same, with the heading in bold, each row in its colour, and below it a line of what has no room in it. */
export function paintedTable(
  output: Output,
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  { colour = () => undefined, below = () => undefined }: RowLooks = {},
): string {
  const [heading = "", ...lines] = table(headings, rows).trimEnd().split("\n");
  const shown = lines.flatMap((line, row) => {
    const [own, more] = [colour(row), below(row) ?? ""];
    const painted = own === undefined ? line : paint(output, own, line);
    return more === "" ? [painted] : [painted, `  ${cutTo(printableLine(more.slice(0, 1000)), 78)}`];
  });
  return [paint(output, "bold", heading), ...shown].join("\n");
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => one + other, 0);
}
