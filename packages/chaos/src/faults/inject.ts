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
  /** The partitions on the master that it befell, where they lie on several. */
  readonly partitions?: readonly number[];
}

/** What something befalls now, in each trial: a fault may take longer than was planned. */
const befallen = new WeakMap<Trial, Set<string>>();

/** How far it came nobody knows. */
const brokeOff = (): Befallen => ({ proof: () => "" });

/** For so many ms what was hit is left alone by those that wait for it: it comes back. */
const settles = 1000;

/** How often a fault looks whether there is something to hit by now, ms. */
const every = 100;

/**
 * Lets a planned fault happen, heals it, and tells what is known of it. It does not happen to what another one still befalls.
 *
 * @param patience milliseconds for which it is tried again at most as long as there is nothing to hit: another fault has what it is to
 * befall, nobody leads, or what it would take away is not there. It is told of from when it was tried for the last time. @default 0
 */
export async function inject(
  trial: Trial,
  random: Random,
  planned: PlannedFault,
  patience = 0,
): Promise<InjectedFault> {
  const { kind, target } = planned;
  const until = performance.now() + patience;
  for (;;) {
    const [at, taken] = [Date.now(), new Taken(trial)];
    try {
      const befell = await begun(trial, random, planned, taken);
      if (befell !== nothingHappened || performance.now() >= until) {
        trial.faults.push({ kind: kind.name, target, at });
        const injected = await ended(trial, planned, at, befell);
        if (patience > 0) taken.letGo(settles);
        return injected;
      }
    } finally {
      taken.letGo();
    }
    await trial.lasts(every);
  }
}

async function begun(
  trial: Trial,
  random: Random,
  { kind, target, others = [], lasts }: PlannedFault,
  taken: Taken,
): Promise<Befallen> {
  const take = (name: string): boolean => taken.take(name);
  if (![target, ...others].every(take)) {
    taken.letGo(); // nobody else is to find it taken by one that has nothing to hit
    return nothingHappened;
  }
  // What another fault has brought down cannot be asked: then this one has not hit.
  return kind.begin({ trial, target, random, lasts, take }).catch(brokeOff);
}

async function ended(
  trial: Trial,
  { kind, target, lasts }: PlannedFault,
  at: number,
  befell: Befallen,
): Promise<InjectedFault> {
  const { end, proof, moved, partitions } = befell;
  if (befell !== nothingHappened) await trial.lasts(lasts);
  await end?.();
  const until = Date.now();
  const seen = await Promise.resolve(proof()).catch(() => "");
  const begun = befell !== nothingHappened;
  const of = { ...(moved && { moved: moved() }), ...(partitions && { partitions }) };
  return { kind: kind.name, target, at, until, proof: seen, begun, ...of };
}

/** What one fault has for itself. */
class Taken {
  readonly #busy: Set<string>;
  readonly #own = new Set<string>();

  constructor(trial: Trial) {
    this.#busy = befallen.get(trial) ?? new Set<string>();
    befallen.set(trial, this.#busy);
  }

  /** @returns whether nothing else had it */
  take(name: string): boolean {
    if (this.#busy.has(name)) return false;
    this.#busy.add(name);
    this.#own.add(name);
    return true;
  }

  /** @param after milliseconds from now until others may have it. @default 0 */
  letGo(after = 0): void {
    const own = [...this.#own];
    this.#own.clear();
    const free = (): void => {
      for (const name of own) this.#busy.delete(name);
    };
    if (after === 0) free();
    else setTimeout(free, after).unref();
  }
}
