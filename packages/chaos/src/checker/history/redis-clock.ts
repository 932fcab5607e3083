import type { Evidence } from "../../evidence/evidence.js";
import { type Bounds, causalBounds } from "./causes.js";
import { ServerTime } from "./server-time.js";
import { entriesIn, type Told, toldIn } from "./told.js";

/**
 * What the product's clock may have said; all in ms. It is the server's, TIME, or the highest that a step of the store has seen of that, where TIME
 * has gone back behind it. What no step has seen it forgets: then it goes back as well.
 */
export interface RedisClock {
  /** The least that it may have said between two moments of this machine's wall clock. */
  least(from: number, until: number): number;
  /** The most that a step may have seen of it up to a moment of this machine's wall clock. */
  most(at: number): number;
}

const same: RedisClock = { least: (from) => from, most: (at) => at };

/** What is known of Redis' clock where somebody moved it; else it is the machine's. */
export function redisClockOf(evidence: readonly Evidence[]): RedisClock {
  const time = new ServerTime(evidence);
  if (!time.isMoved) return same;
  const told = toldIn(entriesIn(evidence).kept);
  const bounds = causalBounds(evidence, told);
  const seen = told.flatMap((line) => {
    const { least, most } = bounds[line.index] as Bounds;
    return isOfStep(line) ? [{ t: line.t, least, most }] : [];
  });
  return {
    least: (from, until) =>
      Math.max(time.least(from, until), seen[countBy(seen, ({ most }) => most <= from) - 1]?.t ?? 0),
    most: (at) =>
      Math.min(
        time.most(Number.NEGATIVE_INFINITY, at),
        seen[countBy(seen, ({ least }) => least < at)]?.t ?? Number.POSITIVE_INFINITY,
      ),
  };
}

/** How many of the first of some have what the others do not. */
function countBy<T>(items: readonly T[], has: (item: T) => boolean): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (has(items[middle] as T)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether a step of the store told it: who leads tells of that by itself, and guesses Redis' time. */
function isOfStep(line: Told): boolean {
  return line.what !== "other" || !line.word.startsWith("leader");
}

/** For so many ms two processes' views of the machine's clock may differ. */
const blur = 5;

/**
 * How to find when a line of the stream was told, by the machine's wall clock: at its own time where nobody moved Redis' clock, else at some moment at
 * which that may have said so and that agrees with what came before the line and what came of it.
 */
export function momentsIn(
  evidence: readonly Evidence[],
  told: readonly Told[],
  time: ServerTime,
): (line: Told) => Bounds {
  if (!time.isMoved) return ({ t }) => ({ least: t, most: t });
  const bounds = causalBounds(evidence, told);
  return (line) => {
    const { least, most } = bounds[line.index] as Bounds;
    const [first, last] = isOfStep(line)
      ? [time.earliest(line.t), time.latest(line.t)]
      : [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    return { least: Math.max(least, first) - blur, most: Math.min(most, last) + blur };
  };
}
