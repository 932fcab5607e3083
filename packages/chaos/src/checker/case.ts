import type { Run } from "@escapement/core";
import type { Evidence } from "../evidence/evidence.js";

/** What the store kept of a finished run. */
export type Outcome = Pick<Run, "id" | "state" | "scheduledAt" | "attempts" | "reason" | "count">;

/** One job, as it should have been and as the store says it was. */
export interface JobCase {
  readonly id: string;
  /** The fire times that the trigger gives and whose runs must have come to an end, in ms, rising. */
  readonly fireTimes: readonly number[];
  /** Whether its runs may run beside each other. */
  readonly overlap: "skip" | "allow";
  /** The job's history, in any order. */
  readonly history: readonly Outcome[];
}

/** All that the checker judges by. */
export interface Case {
  readonly evidence: readonly Evidence[];
  readonly jobs: readonly JobCase[];
  /** Runs that were enqueued: each is owed one execution. */
  readonly enqueued?: readonly { readonly id: string; readonly outcome: Outcome | undefined }[];
  /**
   * The store was put back to an earlier state: what it said of outcomes and terms is worth nothing; that no attempt starts
   * twice, and that tokens rise, still has to hold.
   */
  readonly storeRolledBack?: boolean;
}

/** One rule that was broken, with all that is known about it. */
export interface Violation {
  readonly rule: string;
  readonly message: string;
  /** Evidence and history of what it is about, in order of time. */
  readonly story: readonly string[];
}

/** All outcomes that the store kept, by run. */
export function outcomesOf({ jobs, enqueued = [] }: Case): Map<string, Outcome> {
  const kept = [
    ...jobs.flatMap(({ history }) => history),
    ...enqueued.flatMap(({ outcome }) => outcome ?? []),
  ];
  return new Map(kept.map((outcome) => [outcome.id, outcome]));
}

/** Every piece of evidence of one kind. */
export function factsOf<K extends Evidence["kind"]>(
  evidence: readonly Evidence[],
  kind: K,
): Extract<Evidence, { kind: K }>[] {
  return evidence.filter((line): line is Extract<Evidence, { kind: K }> => line.kind === kind);
}

/** Groups by a key, keeping the order. */
export function groupBy<T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** All that is known of one run, in order of time, for people. */
export function storyOf(facts: Case, run: string): string[] {
  const { evidence, jobs, enqueued = [] } = facts;
  const job = jobs.find(({ id }) => run.startsWith(`${id}@`));
  const lines = evidence
    .filter((line) => JSON.stringify(line).includes(`"${run}"`))
    .sort((a, b) => a.mono - b.mono)
    .map(({ node, mono, at, kind, ...rest }) => {
      return `${mono.toFixed(1)} ${new Date(at).toISOString()} ${node} ${kind} ${JSON.stringify(rest)}`;
    });
  const kept = [...(job?.history ?? []), ...enqueued.flatMap(({ outcome }) => outcome ?? [])];
  const outcomes = kept.filter(({ id }) => id === run);
  return [...lines, ...outcomes.map((outcome) => `history ${show(outcome)}`)];
}

/** JSON that can also hold tokens. */
export function show(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === "bigint" ? String(item) : item));
}
