import { closeSync, openSync, writeSync } from "node:fs";

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

/**
 * What a node witnessed.
 *
 * - `claimed`: it was handed an attempt, at `claimedAt` by Redis' clock
 * - `start`, `end`: the handler began, and came to its end
 * - `accepted`, `refused`: the store took the outcome, or said that the attempt is not the node's any more
 * - `elected`: it leads, in this term
 * - `up`: it has joined under the identity `id`, for the first time or again
 * - `event`: anything else that the scheduler told
 * - `asked`, `acknowledged`: of whoever pauses by plain keys: a command was about to be sent, and Redis' answer to it was read
 */
export type Fact =
  | (AttemptFact & { readonly kind: "claimed"; readonly claimedAt: number })
  | (AttemptFact & { readonly kind: "start"; readonly scheduledAt: number })
  | (AttemptFact & { readonly kind: "end" | "refused" })
  | (AttemptFact & { readonly kind: "accepted"; readonly outcome: string })
  | { readonly kind: "elected"; readonly epoch: number }
  | { readonly kind: "up"; readonly id: string }
  | { readonly kind: "event"; readonly event: string; readonly details: unknown }
  | { readonly kind: "asked"; readonly act: number; readonly pause: string; readonly does: PauseAct }
  | { readonly kind: "acknowledged"; readonly act: number };

/** What is done to the key of a pause: it is set, with a time to live in ms if it has one; or it is deleted. */
export type PauseAct = { readonly set: true; readonly ttl?: number } | { readonly set: false };

/** One line of evidence. */
export type Evidence = Stamp & Fact;

/** Takes down facts, each in one write to a file outside Redis, so that what was written survives a SIGKILL. */
export interface EvidenceWriter {
  write(fact: Fact): void;
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
  return {
    write(fact) {
      const mono = machineClock();
      const line: Evidence = { node, mono, at: Math.floor(mono + wallAhead), ...fact };
      writeSync(descriptor, `${JSON.stringify(line)}\n`);
    },
    close: () => closeSync(descriptor),
  };
}
