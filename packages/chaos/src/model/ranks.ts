// Counters by the order of their values, in which alone two of them are ever compared; and so the numbers of a node's requests.
import type { World } from "./config.js";
import type { Line, Request } from "./requests.js";
import type { Identity, Message, Process, Store } from "./state.js";

/** Numbers by their order. */
export type Rank = (value: number) => number;

export function ranked(values: readonly number[]): Rank {
  const known = [...new Set(values)].sort((a, b) => a - b);
  return (value) => (value < 0 ? -1 : known.indexOf(value));
}

/** How the numbers of one identity's requests are written. */
export interface Numbers {
  /** Its lines, in the order in which they are written. */
  readonly lines: readonly Line[];
  /** One of a line's requests: it is compared with others of its line. */
  of(line: Line, number: number): number;
  /** One that may be compared with those of either line. */
  any(number: number): string;
}

/** All ways in which the lines of an identity can be named. Where something is broken the lines may differ in it, or be compared with each other. */
export function numberings(
  world: World,
  present: Process | undefined,
  id: Identity,
  stores: readonly Store[],
  own: readonly Message[],
): Numbers[] {
  const asked: Request[] = Object.values(present?.asking ?? {});
  for (const message of own) if (message.what !== "vote") asked.push(message.request);
  const last = stores.map(({ requests }) => requests[id]);
  if (world.lines === 1 || world.mutants.size > 0) {
    const lines = world.lines === 1 ? ([1] as const) : ([1, 2] as const);
    const all = asked.flatMap((request) => ("number" in request ? [request.number] : []));
    for (const line of lines) {
      if (present !== undefined) all.push(present.numbers[line]);
      for (const one of last) all.push(one?.[line]?.number ?? 0);
    }
    const rank = ranked(all);
    return [{ lines, of: (_line, number) => rank(number), any: (number) => String(rank(number)) }];
  }
  const rankOf = (line: Line): Rank => {
    const numbers = last.map((one) => one?.[line]?.number ?? 0);
    for (const request of asked) {
      if (request.kind === "reconcile" || (request.kind === "claim" && request.line === line))
        numbers.push(request.number);
    }
    return ranked(numbers);
  };
  const ranks: Record<Line, Rank> = { 1: rankOf(1), 2: rankOf(2) };
  const written = (lines: readonly Line[]): Numbers => ({
    lines,
    of: (line, number) => ranks[line](number),
    any: (number) => lines.map((line) => ranks[line](number)).join("="),
  });
  return [written([1, 2]), written([2, 1])];
}
