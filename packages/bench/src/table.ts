/** Lays out rows in columns: the first to the left, figures to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
}

/** A figure with three digits that count, or a dash where there is none. */
export function figure(number: number | undefined): string {
  if (number === undefined) return "–";
  return number >= 100 ? Math.round(number).toLocaleString("en-US") : String(Number(number.toPrecision(3)));
}

/** `12.3×`. */
export function times(ratio: number | undefined): string {
  return ratio === undefined ? "–" : `${figure(ratio)}×`;
}
