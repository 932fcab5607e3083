/** A time, by the wall clock, ms. */
export interface Span {
  readonly from: number;
  readonly until: number;
}

/** The same times, in order, none of which touches another. */
export function merged(spans: readonly Span[]): Span[] {
  const all: { from: number; until: number }[] = [];
  for (const { from, until } of spans.toSorted((a, b) => a.from - b.from)) {
    const last = all.at(-1);
    if (last === undefined || last.until < from) all.push({ from, until });
    else last.until = Math.max(last.until, until);
  }
  return all;
}

/** Those of merged spans that a time touches. */
export function touching(spans: readonly Span[], from: number, until: number): Span[] {
  let [low, high] = [0, spans.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((spans[middle]?.until ?? 0) < from) low = middle + 1;
    else high = middle;
  }
  const all: Span[] = [];
  for (let at = low; (spans[at]?.from ?? Number.POSITIVE_INFINITY) <= until; at += 1)
    all.push(spans[at] as Span);
  return all;
}

/** How many ms of a time no span covers. */
export function uncovered(spans: readonly Span[], from: number, until: number): number {
  const covered = merged(spans).reduce(
    (sum, one) => sum + Math.max(0, Math.min(one.until, until) - Math.max(one.from, from)),
    0,
  );
  return Math.max(0, until - from - covered);
}

/** The end of the first `ms` on end of a time that no span touches; none: there are not so many. */
export function freeStretch(
  spans: readonly Span[],
  from: number,
  until: number,
  ms: number,
): number | undefined {
  let begin = from;
  for (const span of merged(spans)) {
    if (span.until < begin) continue;
    if (span.from >= begin + ms) break;
    begin = span.until;
  }
  return begin + ms <= until ? begin + ms : undefined;
}
