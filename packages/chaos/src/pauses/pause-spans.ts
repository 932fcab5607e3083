import { factsOf, groupBy } from "../checker/case.js";
import type { Evidence, Stamp } from "../evidence/evidence.js";

/** A moment by both clocks of this machine, in ms: the monotonic one, and the wall clock, which is Redis' clock too. */
export type Moment = Pick<Stamp, "mono" | "at">;

/** For how long a pause's key was there. */
export interface PauseSpan {
  /** What stands behind `pause:`. */
  readonly name: string;
  /** It is there from here on at the latest: the SET had been acknowledged. */
  readonly from: Moment;
  /** And until here at least: the DEL had not been asked for, nor had the time to live passed that was counted from the asking. */
  readonly sure: Moment;
  /** It is gone from here on: the DEL had been acknowledged, or the time to live had passed, counted from the acknowledgement. */
  readonly over: Moment;
  /** Whether it ended by itself. */
  readonly expired: boolean;
}

const never: Moment = { mono: Number.POSITIVE_INFINITY, at: Number.POSITIVE_INFINITY };

function later({ mono, at }: Moment, ms: number): Moment {
  return { mono: mono + ms, at: at + ms };
}

/** The pauses that were set by plain keys, by the record of whoever did it, in the order in which they were set. */
export function pauseSpans(evidence: readonly Evidence[]): PauseSpan[] {
  const answered = new Map(factsOf(evidence, "acknowledged").map((line) => [line.act, line]));
  const spans: PauseSpan[] = [];
  for (const acts of groupBy(factsOf(evidence, "asked"), ({ pause }) => pause).values()) {
    let open: PauseSpan | undefined;
    for (const { act, mono, at, does, pause } of acts) {
      const asked = { mono, at };
      const acknowledged = answered.get(act);
      if (open !== undefined && open.sure.mono <= mono) {
        spans.push(open);
        open = undefined;
      }
      if (!does.set) {
        const over = acknowledged ?? never;
        if (open !== undefined) spans.push({ ...open, sure: asked, over, expired: false });
        open = undefined;
      } else if (acknowledged !== undefined) {
        const { ttl } = does;
        const ends = ttl === undefined ? [never, never] : [later(asked, ttl), later(acknowledged, ttl)];
        const [sure = never, over = never] = ends;
        // Set anew while it is there: there is one pause, with the end of the later one.
        open = { name: pause, from: open?.from ?? acknowledged, sure, over, expired: ttl !== undefined };
      }
    }
    if (open !== undefined) spans.push(open);
  }
  return spans.sort((a, b) => a.from.mono - b.from.mono);
}

/** Time in which something was held back by one pause or by several, whose ends and beginnings overlap. */
export type Period = Pick<PauseSpan, "from" | "sure" | "over">;

/** The periods that spans cover together. */
export function periodsOf(spans: readonly PauseSpan[]): Period[] {
  const periods: Period[] = [];
  for (const { from, sure, over } of spans.toSorted((a, b) => a.from.mono - b.from.mono)) {
    const last = periods.at(-1);
    if (last === undefined || last.over.mono < from.mono) periods.push({ from, sure, over });
    else if (last.over.mono < over.mono) periods[periods.length - 1] = { from: last.from, sure, over };
  }
  return periods;
}
