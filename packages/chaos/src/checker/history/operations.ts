import type { Answer, Evidence } from "../../evidence/evidence.js";
import type { Moment } from "../../pauses/pause-spans.js";
import type { Operation } from "../../workload/operations.js";
import { factsOf } from "../case.js";
import { redisClockOf } from "./redis-clock.js";

/** A moment by `wall`, this machine's wall clock, and by `at`, Redis' clock; ms. */
export type MomentOfBoth = Moment & { readonly wall: number };

/** An operation of the driver, and what it heard. */
export interface Asked {
  readonly op: number;
  readonly does: Operation;
  /** When it asked; `at`: what Redis' clock said at the least while it was done, if it was. */
  readonly asked: MomentOfBoth;
  /** When it heard, `at`: what Redis' clock said then at the most; of what was still under way at the end: never. */
  readonly heard: MomentOfBoth;
  readonly end: Answer["end"];
  /** What was answered; of what was refused or is not known, the code. */
  readonly answer: unknown;
}

/** What nobody heard of is done within so many ms after it was given up, or never. */
export const lateDone = 8000;

const never: MomentOfBoth = {
  mono: Number.POSITIVE_INFINITY,
  wall: Number.POSITIVE_INFINITY,
  at: Number.POSITIVE_INFINITY,
};

/** All operations, in the order in which they were asked for. */
export function operationsIn(evidence: readonly Evidence[]): Asked[] {
  const answers = new Map(factsOf(evidence, "answer").map((line) => [line.op, line]));
  const clock = redisClockOf(evidence);
  return factsOf(evidence, "operation").map(({ op, does, mono, at: wall }) => {
    const heard = answers.get(op);
    // What nobody heard of may be done later.
    const at = clock.least(wall, heard?.end === "acknowledged" ? heard.at : Number.POSITIVE_INFINITY);
    const base = { op, does, asked: { mono, wall, at } };
    if (heard === undefined) return { ...base, heard: never, end: "maybe", answer: "unanswered" };
    const answer = heard.end === "acknowledged" ? heard.answer : heard.code;
    const { mono: heardAt, at: by } = heard;
    return { ...base, heard: { mono: heardAt, wall: by, at: clock.most(by) }, end: heard.end, answer };
  });
}

/** How many operations of each kind were asked for, and what came of them. */
export function countOperations(
  operations: readonly Asked[],
): Record<string, { asked: number; acknowledged: number; refused: number; maybe: number }> {
  const counts: Record<string, { asked: number; acknowledged: number; refused: number; maybe: number }> = {};
  for (const { does, end } of operations) {
    counts[does.do] ??= { asked: 0, acknowledged: 0, refused: 0, maybe: 0 };
    const count = counts[does.do] as { asked: number; acknowledged: number; refused: number; maybe: number };
    count.asked += 1;
    count[end] += 1;
  }
  return counts;
}
