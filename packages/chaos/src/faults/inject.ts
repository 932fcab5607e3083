import type { Random } from "../random.js";
import type { Trial } from "../trial.js";
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
}

/** Lets a planned fault happen, heals it, and tells what is known of it. */
export async function inject(
  trial: Trial,
  random: Random,
  { kind, target, lasts }: PlannedFault,
): Promise<InjectedFault> {
  const at = Date.now();
  trial.faults.push({ kind: kind.name, target, at });
  const { end, proof } = await kind.begin({ trial, target, random });
  await trial.lasts(lasts);
  await end?.();
  const until = Date.now();
  return { kind: kind.name, target, at, until, proof: await proof() };
}
