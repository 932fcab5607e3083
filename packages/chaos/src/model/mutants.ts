// Deliberate breakages of the model, each a small switch in the step that it is about, and where it is to be looked for.

import type { Fault } from "./config.js";

export type Mutant =
  | "no-epoch-check"
  | "no-token-check"
  | "no-compare-and-set"
  | "lock-not-taken"
  | "lock-without-fire-time"
  | "catch-up-skipped"
  | "pause-not-read"
  | "heartbeat-never-stops"
  | "completion-applied-twice"
  | "recover-skipped"
  | "recover-too-early"
  | "limit-not-counted"
  | "overlap-not-checked"
  | "token-not-rising"
  | "stale-run-not-dropped"
  | "lease-not-exclusive"
  | "attempt-not-counted"
  | "store-lock-not-read"
  | "dead-node-may-claim"
  | "late-claim-applied"
  | "late-reconcile-applied"
  | "reconcile-skipped"
  | "handlers-not-given-up"
  | "token-not-by-clock"
  | "left-locks-not-told-again"
  | "lines-share-last-number"
  | "lines-count-apart"
  | "reconcile-reads-one-line"
  | "reconcile-beside-a-request";

/** What is broken together, and where it shows. More than one: each of them alone is caught by the others. */
export interface Breakage {
  readonly mutants: readonly [Mutant, ...Mutant[]];
  readonly config: string;
  /** How many faults it takes to show. */
  readonly faults: number;
  /** What of the configuration does not matter to it. */
  readonly change?: { readonly processes?: number; readonly kinds?: readonly Fault[] };
  /** What it breaks, as the name of the invariant says. */
  readonly shows: string;
}

const vanish = "no fire time vanishes, and none is in two places";
const once = "an attempt starts once";
const oneOutcome = "an attempt has one outcome";
const oneAtATime = "one attempt of a run at a time";
const ends = "all can end";

export const breakages: readonly Breakage[] = [
  { mutants: ["no-epoch-check"], config: "lead", faults: 1, shows: "only the latest term writes" },
  { mutants: ["no-compare-and-set"], config: "whole", faults: 1, shows: vanish },
  { mutants: ["catch-up-skipped"], config: "lead", faults: 0, shows: vanish },
  {
    mutants: ["lease-not-exclusive"],
    config: "lead",
    faults: 0,
    shows: "one leader at a time by its own count",
  },
  { mutants: ["recover-too-early"], config: "work", faults: 0, shows: oneAtATime },
  { mutants: ["recover-skipped"], config: "faults", faults: 1, shows: ends },
  { mutants: ["heartbeat-never-stops"], config: "faults", faults: 1, shows: oneAtATime },
  { mutants: ["no-token-check", "dead-node-may-claim"], config: "work", faults: 1, shows: oneOutcome },
  { mutants: ["no-token-check"], config: "failover", faults: 0, shows: oneOutcome },
  {
    mutants: ["completion-applied-twice"],
    config: "work",
    faults: 1,
    shows: "who is told that it was refused was refused",
  },
  { mutants: ["token-not-rising"], config: "work", faults: 0, shows: "tokens rise" },
  { mutants: ["token-not-by-clock"], config: "failover", faults: 0, shows: "tokens rise" },
  { mutants: ["attempt-not-counted"], config: "faults", faults: 1, shows: oneOutcome },
  { mutants: ["attempt-not-counted", "store-lock-not-read"], config: "faults", faults: 1, shows: once },
  { mutants: ["lock-without-fire-time"], config: "overlap", faults: 0, shows: vanish },
  { mutants: ["limit-not-counted"], config: "limit", faults: 0, shows: "no more are held than the limit" },
  { mutants: ["overlap-not-checked"], config: "overlap", faults: 0, shows: "runs of a job do not overlap" },
  { mutants: ["pause-not-read"], config: "pause", faults: 0, shows: "nothing starts while paused" },
  {
    mutants: ["stale-run-not-dropped"],
    config: "change",
    faults: 0,
    shows: "only what the job's version says starts",
  },
  { mutants: ["late-claim-applied", "reconcile-skipped"], config: "late", faults: 1, shows: ends },
  { mutants: ["late-reconcile-applied"], config: "faults", faults: 1, shows: oneAtATime },
  { mutants: ["reconcile-skipped"], config: "failover", faults: 0, shows: oneAtATime },
  { mutants: ["lock-not-taken"], config: "failover", faults: 0, shows: once },
  { mutants: ["handlers-not-given-up"], config: "failover", faults: 0, shows: oneAtATime },
  {
    mutants: ["left-locks-not-told-again"],
    config: "voters",
    faults: 3,
    change: { processes: 1, kinds: ["late", "lost"] },
    shows: "a lock stands against what has started only",
  },
  {
    mutants: ["lines-share-last-number"],
    config: "lines",
    faults: 0,
    change: { processes: 1 },
    shows: ends,
  },
  { mutants: ["lines-count-apart"], config: "lines-faults", faults: 1, shows: once },
  { mutants: ["reconcile-reads-one-line"], config: "lines-faults", faults: 1, shows: oneAtATime },
  { mutants: ["reconcile-beside-a-request"], config: "lines", faults: 0, shows: oneAtATime },
];
