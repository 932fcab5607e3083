import type { Evidence } from "../../evidence/evidence.js";
import { factsOf } from "../case.js";

/** Time, by the machine's wall clock, in which Redis' own clock may have been ahead of that by `ahead` (negative: behind); all in ms. */
interface Stretch {
  readonly from: number;
  readonly until: number;
  readonly ahead: number;
}

/** What Redis' own clock, TIME, may have said at which moment of the machine's wall clock. It goes back where somebody moves it back. All in ms. */
export class ServerTime {
  /** Where a move was under way, the clock may have been in one or the other. */
  readonly #stretches: readonly Stretch[];
  /** Whether somebody moved it; else it is the machine's. */
  readonly isMoved: boolean;

  constructor(evidence: readonly Evidence[]) {
    const stretches: Stretch[] = [];
    let right = Number.NEGATIVE_INFINITY;
    const faults = factsOf(evidence, "fault").sort((a, b) => a.from - b.from);
    for (const { from, until, moved } of faults) {
      if (moved === undefined) continue;
      stretches.push({ from: right, until: moved.by, ahead: 0 }, { from, until, ahead: moved.ahead });
      right = moved.back;
    }
    this.isMoved = stretches.length > 0;
    this.#stretches = [...stretches, { from: right, until: Number.POSITIVE_INFINITY, ahead: 0 }];
  }

  /** The least that it may have said between two moments. */
  least(from: number, until: number): number {
    const within = this.#stretches.filter((one) => one.until >= from && one.from <= until);
    return Math.min(...within.map((one) => Math.max(one.from, from) + one.ahead));
  }

  /** The most that it may have said between two moments. */
  most(from: number, until: number): number {
    const within = this.#stretches.filter((one) => one.until >= from && one.from <= until);
    return Math.max(...within.map((one) => Math.min(one.until, until) + one.ahead));
  }

  /** Whether it was the machine's between two moments, and had never been ahead of that before: then the product's is the same. */
  isRight(from: number, until: number): boolean {
    if (this.most(Number.NEGATIVE_INFINITY, from) > from) return false;
    return this.#stretches.every((one) => one.ahead === 0 || one.from > until || one.until < from);
  }

  /** When it may have said so much, or more, for the first time since a moment. */
  earliest(time: number, since: number = Number.NEGATIVE_INFINITY): number {
    return Math.min(
      ...this.#stretches.flatMap(({ from, until, ahead }) => {
        const at = Math.max(from, since, time - ahead);
        return at <= until ? [at] : [];
      }),
    );
  }

  /** When it may have said so much, or less, for the last time. */
  latest(time: number): number {
    return Math.max(
      ...this.#stretches.flatMap(({ from, until, ahead }) => {
        const at = Math.min(until, time + 1 - ahead); // it tells whole ms
        return at >= from ? [at] : [];
      }),
    );
  }
}
