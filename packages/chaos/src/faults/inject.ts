import type { ClockMove } from "../evidence/evidence.js";
import type { Random } from "../random.js";
import type { Trial } from "../trial.js";
import { type Befallen, nothingHappened } from "./fault.js";
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
  /** Whether it happened at all, shown or not: what nothing shows may still have delayed something. */
  readonly begun: boolean;
  /** If it moved Redis' clock: how. */
  readonly moved?: ClockMove;
}

/** What something befalls now, in each trial: a fault may take longer than was planned. */
const befallen = new WeakMap<Trial, Set<string>>();

/** How far it came nobody knows. */
const brokeOff = (): Befallen => ({ proof: () => "" });

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
    const befell = free ? await kind.begin(hands).catch(brokeOff) : nothingHappened;
    const { end, proof, moved } = befell;
    if (free) await trial.lasts(lasts);
    await end?.();
    const until = Date.now();
    const seen = await Promise.resolve(proof()).catch(() => "");
    const begun = befell !== nothingHappened;
    return { kind: kind.name, target, at, until, proof: seen, begun, ...(moved && { moved: moved() }) };
  } finally {
    for (const name of taken) busy.delete(name);
  }
}
