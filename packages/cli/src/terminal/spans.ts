const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1000],
] as const;

/** A span of time as people are shown it: its two largest units, such as `2 d 4 h` or `35 s`. @param ms milliseconds */
export function shownSpan(ms: number): string {
  let left = Math.max(0, Math.round(ms / 1000) * 1000);
  const parts: string[] = [];
  for (const [unit, size] of units) {
    const amount = Math.floor(left / size);
    if (amount > 0) parts.push(`${amount} ${unit}`);
    else if (parts.length > 0) break;
    left -= amount * size;
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? "0 s" : parts.join(" ");
}
