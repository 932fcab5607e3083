import { closeSync, openSync, writeSync } from "node:fs";
import type { Operation } from "../workload/operations.js";
import type { StoreDump } from "./store-dump.js";
import type { StoreMemory } from "./store-memory.js";

/** What every piece of evidence says about where and when it was written. */
export interface Stamp {
  /** The node process, by the name that the trial gave it. */
  readonly node: string;
  /** This machine's monotonic clock in ms, the same for all processes. */
  readonly mono: number;
  /** This machine's wall clock in ms. */
  readonly at: number;
}

/** One attempt at a run. */
export interface AttemptFact {
  readonly run: string;
  readonly attempt: number;
  /** The fencing token, in decimal. */
  readonly token: string;
}

/** Of a namespace of several partitions: of which one a fact is. @default 0 */
interface InPartition {
  readonly partition?: number;
}

/**
 * What a node witnessed.
 *
 * - `claimed`: it was handed an attempt, at `claimedAt` by Redis' clock
 * - `start`, `end`: the handler began, and came to its end
 * - `held`: a handler had asked whether its attempt is still its node's, by `progress` or `extend`, and heard an answer
 * - `accepted`, `refused`: the store took the outcome, or said that the attempt is not the node's any more
 * - `back`: it hands an attempt back that it has not begun, and is about to tell the store
 * - `elected`: it leads, in this term
 * - `up`: it has joined under the identity `id`, for the first time or again
 * - `event`: anything else that the scheduler told
 * - `asked`, `acknowledged`: of whoever pauses by plain keys: a command was about to be sent, and Redis' answer to it was read
 * - `aborted`: a handler's signal was aborted, and it listens
 * - `operation`, `answer`: the driver was about to ask for something, and what came of it
 * - `trial`: under which conditions all of this happened, once
 * - `phase`: the trial has come to there
 * - `told`: one entry of the cluster's stream of events, as it stands in the store; `t` by Redis' clock
 * - `leases`: what the store said of leases at `t` by its clock
 * - `unkept`: entries of that stream that the store had, and lost
 * - `fault`: one that was injected and healed
 * - `stopped`: the process of a node was told SIGTERM, and how it ended
 * - `store`: all that the store holds
 * - `memory`: what the store's data take, before there are jobs and after all has gone
 * - `lock`: which of the voters hold a lock of an attempt
 * - `doctor`: what it found in the end
 */
export type Fact =
  | (AttemptFact & { readonly kind: "claimed"; readonly claimedAt: number })
  | (AttemptFact & {
      readonly kind: "start";
      readonly scheduledAt: number;
      /** What the handler was handed, as `inputText` has it; left out: nothing. */
      readonly input?: string;
    })
  | (AttemptFact & { readonly kind: "end" | "refused" })
  | (AttemptFact & {
      readonly kind: "held";
      readonly by: "progress" | "extend";
      /** When it asked, by the machine's wall clock, ms. */
      readonly asked: number;
      /** `done`, or the code of the error. */
      readonly answer: string;
    })
  | (AttemptFact & { readonly kind: "accepted"; readonly outcome: string })
  | ({ readonly kind: "elected"; readonly epoch: number } & InPartition)
  | { readonly kind: "up"; readonly id: string }
  | { readonly kind: "event"; readonly event: string; readonly details: unknown }
  | { readonly kind: "asked"; readonly act: number; readonly pause: string; readonly does: PauseAct }
  | { readonly kind: "acknowledged"; readonly act: number }
  | (AttemptFact & { readonly kind: "aborted" })
  | (AttemptFact & { readonly kind: "back" })
  | { readonly kind: "operation"; readonly op: number; readonly does: Operation }
  | ({ readonly kind: "answer"; readonly op: number } & Answer)
  | ({ readonly kind: "trial" } & TrialFact)
  | { readonly kind: "phase"; readonly phase: Phase }
  | ({
      readonly kind: "told";
      readonly entry: string;
      readonly t: number;
      readonly lines: readonly string[];
    } & InPartition)
  | ({ readonly kind: "unkept"; readonly entries: readonly string[] } & InPartition)
  | LeasesFact
  | {
      readonly kind: "fault";
      readonly fault: string;
      readonly target: string;
      readonly from: number;
      readonly until: number;
      readonly proof: string;
      /** Whether it happened at all, shown or not. @default what the proof shows, as in evidence from before it was taken down */
      readonly begun?: boolean;
      /** If it moved Redis' clock, whether anything was seen of that or not. */
      readonly moved?: ClockMove;
      /** The partitions on the master that it befell, where they lie on several. @default all */
      readonly partitions?: readonly number[];
    }
  | {
      readonly kind: "stopped";
      /** The node's name. */
      readonly process: string;
      /** When it was started, and told, by the wall clock, and for how long it went on then; ms. */
      readonly since: number;
      readonly asked: number;
      readonly took: number;
      /** A signal's name or an exit code. */
      readonly exit: string;
    }
  | ({
      readonly kind: "store";
      readonly when: "during" | "settled" | "removed" | "stopped";
      readonly dump: StoreDump;
    } & InPartition)
  | ({ readonly kind: "memory"; readonly when: "begun" | "stopped" } & StoreMemory)
  | { readonly kind: "lock"; readonly attempts: Readonly<Record<string, number>> }
  | { readonly kind: "doctor"; readonly findings: readonly unknown[] };

/** `begun`: the faults begin. `healed`: all are over, and nothing is paused. `settled`: all that was due by then has ended. */
export type Phase = "begun" | "healed" | "settled" | "removed";

/** What the driver heard: that it was done, with what was answered; that it was refused; or nothing that says whether it was done. */
export type Answer =
  | { readonly end: "acknowledged"; readonly answer: unknown }
  | { readonly end: "refused" | "maybe"; readonly code: string; readonly message: string };

/** The conditions of a trial, as far as the checker needs them. */
export interface TrialFact {
  readonly seed: number;
  readonly topology: string;
  /** Whether the store keeps each write that it acknowledged. */
  readonly keepsWrites: boolean;
  /** How many independent voters there are. */
  readonly voters: number;
  readonly namespace: string;
  /** Over how many partitions it is spread. @default 1 */
  readonly partitions?: number;
  /** Of evidence of one of them alone: which one. */
  readonly partition?: number;
  /** Whether nodes take down what they hand back. @default false, as in evidence from before they did */
  readonly tellsHandBacks?: boolean;
  /** Whether it is taken down how each process ended that was told SIGTERM. @default false, as in evidence from before it was */
  readonly tellsStops?: boolean;
  /** How many finished enqueued runs of each task the store keeps. */
  readonly keptRuns: number;
  /** Limits and rates of queues and tasks, by scope, such as `queue:narrow`. */
  readonly limits: Readonly<Record<string, { readonly max: number; readonly whenFull: "wait" | "skip" }>>;
  readonly rates: Readonly<Record<string, { readonly max: number; readonly per: number }>>;
}

/** What the store said of leases. */
export interface LeasesFact extends InPartition {
  readonly kind: "leases";
  /** Redis' clock, ms. */
  readonly t: number;
  /** Nodes, by the ends of their leases. */
  readonly nodes: Readonly<Record<string, number>>;
  /** Who leads, in which term, and until when. */
  readonly leader: string | null;
  readonly epoch: number;
  readonly until: number;
}

/** How a fault moved Redis' clock: at some moment between its beginning and `by`, and back at one between `back` and its end. Wall clock, ms. */
export interface ClockMove {
  /** By so many ms it was ahead of the machine's clock meanwhile; negative: behind. */
  readonly ahead: number;
  readonly by: number;
  readonly back: number;
}

/** What is done to the key of a pause: it is set, with a time to live in ms if it has one; or it is deleted. */
export type PauseAct = { readonly set: true; readonly ttl?: number } | { readonly set: false };

/** One line of evidence. */
export type Evidence = Stamp & Fact;

/** Takes down facts, each in one write to a file outside Redis, so that what was written survives a SIGKILL. */
export interface EvidenceWriter {
  write(fact: Fact): void;
  /** The machine's wall clock, as the lines have it; ms. */
  now(): number;
  close(): void;
}

/** This machine's monotonic clock in ms, comparable between processes. */
export function machineClock(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** By how many ms this process's wall clock is ahead of the machine's monotonic one. */
export function wallClockAhead(): number {
  // Just when it goes on by a millisecond: it tells no fractions.
  const before = Date.now();
  while (Date.now() === before);
  return Date.now() - machineClock();
}

/**
 * Opens the evidence file of a node for appending.
 *
 * @param wallAhead by how many ms the machine's wall clock is ahead of its monotonic one, for a process whose own wall clock may be wrong
 */
export function openEvidence(
  file: string,
  node: string,
  wallAhead: number = wallClockAhead(),
): EvidenceWriter {
  const descriptor = openSync(file, "a");
  const wall = (mono: number): number => Math.floor(mono + wallAhead);
  return {
    now: () => wall(machineClock()),
    write(fact) {
      const mono = machineClock();
      const line: Evidence = { node, mono, at: wall(mono), ...fact };
      writeSync(descriptor, `${JSON.stringify(line)}\n`);
    },
    close: () => closeSync(descriptor),
  };
}
