import type { ClockMove } from "../evidence/evidence.js";
import type { Random } from "../random.js";
import type { Trial } from "../trial.js";
import { nothingHappened } from "./fault.js";
import type { PlannedFault } from "./plan.js";

/** A fault as the report has it. */
export interface InjectedFault {
  readonly kind: string;
  readonly target: string;
  /** When it began and when it was healed; wall clock, ms. */
  readonly at: number;
  readonly until: number;
  /** What shows that it hit; empty: it did not. */
  readonly proof: string;
  /** If it moved Redis' clock: how. */
  readonly moved?: ClockMove;
}

/** What something befalls now, in each trial: a fault may take longer than was planned. */
const befallen = new WeakMap<Trial, Set<string>>();

/** Lets a planned fault happen, heals it, and tells what is known of it. It does not happen to what another one still befalls. */
export async function inject(
  trial: Trial,
  random: Random,
  { kind, target, others = [], lasts }: PlannedFault,
): Promise<InjectedFault> {
  const at = Date.now();
  const busy = befallen.get(trial) ?? new Set<string>();
  befallen.set(trial, busy);
  const taken = new Set<string>();
  const take = (name: string): boolean => {
    if (busy.has(name)) return false;
    busy.add(name);
    taken.add(name);
    return true;
  };
  try {
    const free = [target, ...others].every((name) => take(name));
    trial.faults.push({ kind: kind.name, target, at });
    const hands = { trial, target, random, lasts, take };
    // What another fault has brought down cannot be asked: then this one has not hit.
    const { end, proof, moved } = free
      ? await kind.begin(hands).catch(() => nothingHappened)
      : nothingHappened;
    if (free) await trial.lasts(lasts);
    await end?.();
    const until = Date.now();
    const seen = await Promise.resolve(proof()).catch(() => "");
    return { kind: kind.name, target, at, until, proof: seen, ...(moved && { moved: moved() }) };
  } finally {
    for (const name of taken) busy.delete(name);
  }
}
