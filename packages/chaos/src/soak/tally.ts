/** How many runs, and the sum of their ids' hashes: two that are the same held the same runs, each as often. */
export interface Count {
  readonly count: number;
  readonly sum: number;
}

/** Counts by the second that the runs belong to, as JSON can say it: recurring runs and enqueued ones. */
export type Counts = Readonly<Record<string, Count>>;

/** 32 bits of a text (FNV-1a). Sums of them stay exact up to two million runs a second. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** Counts runs without remembering them, so that hours of them take no memory. */
export class Tally {
  #counts: Record<string, Count> = {};

  /** One more run of a second. */
  add(second: string, run: string): void {
    this.merge({ [second]: { count: 1, sum: hashOf(run) } });
  }

  merge(counts: Counts): void {
    for (const [second, { count, sum }] of Object.entries(counts)) {
      const before = this.of(second);
      this.#counts[second] = { count: before.count + count, sum: before.sum + sum };
    }
  }

  of(second: string): Count {
    return this.#counts[second] ?? { count: 0, sum: 0 };
  }

  get seconds(): string[] {
    return Object.keys(this.#counts);
  }

  /** All counts; begins anew. */
  take(): Counts {
    const counts = this.#counts;
    this.#counts = {};
    return counts;
  }
}

/** A second in which not each run started once. */
export interface Mismatch {
  readonly second: string;
  readonly expected: number;
  readonly started: number;
  /** The run, if it can be told: one that is missing, or that started twice. */
  readonly run: string | undefined;
}

/** Compares what started in a second with what was to. `idsOf` names the runs of a second, should one have to be found. */
export function compareSecond(
  second: string,
  expected: Count,
  started: Count,
  idsOf: () => Iterable<string>,
): Mismatch | undefined {
  if (expected.count === started.count && expected.sum === started.sum) return undefined;
  const difference = Math.abs(expected.sum - started.sum);
  const alone = Math.abs(expected.count - started.count) === 1;
  const run = alone ? [...idsOf()].find((id) => hashOf(id) === difference) : undefined;
  return { second, expected: expected.count, started: started.count, run };
}

/** The second that a run belongs to: of its fire time, or the one that the id of an enqueued run begins with. */
export function secondOf(run: string): string {
  const at = run.indexOf("@");
  return at < 0 ? `enqueued ${run.slice(0, run.indexOf("-"))}` : `fired ${run.slice(at + 1, at + 11)}`;
}
