import type { Answer, Evidence } from "../../evidence/evidence.js";
import type { Moment } from "../../pauses/pause-spans.js";
import type { Operation } from "../../workload/operations.js";
import { factsOf } from "../case.js";
import { redisClockOf } from "./redis-clock.js";

/** An operation of the driver, and what it heard. */
export interface Asked {
  readonly op: number;
  readonly does: Operation;
  /** When it asked; `at`: what Redis' clock said then at the least. */
  readonly asked: Moment;
  /** When it heard, `at`: what Redis' clock said then at the most; of what was still under way at the end: never. */
  readonly heard: Moment;
  readonly end: Answer["end"];
  /** What was answered; of what was refused or is not known, the code. */
  readonly answer: unknown;
}

const never: Moment = { mono: Number.POSITIVE_INFINITY, at: Number.POSITIVE_INFINITY };

/** All operations, in the order in which they were asked for. */
export function operationsIn(evidence: readonly Evidence[]): Asked[] {
  const answers = new Map(factsOf(evidence, "answer").map((line) => [line.op, line]));
  const clock = redisClockOf(evidence);
  return factsOf(evidence, "operation").map(({ op, does, mono, at: wall }) => {
    const at = clock.least(wall);
    const heard = answers.get(op);
    const base = { op, does, asked: { mono, at } };
    if (heard === undefined) return { ...base, heard: never, end: "maybe", answer: "unanswered" };
    const answer = heard.end === "acknowledged" ? heard.answer : heard.code;
    return { ...base, heard: { mono: heard.mono, at: clock.most(heard.at) }, end: heard.end, answer };
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
