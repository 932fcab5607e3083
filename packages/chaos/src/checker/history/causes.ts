import type { Evidence } from "../../evidence/evidence.js";
import { factsOf } from "../case.js";
import type { Told } from "./told.js";

/** When a step of the store was done, by the machine's wall clock, ms. */
export interface Bounds {
  readonly least: number;
  readonly most: number;
}

/**
 * When each line of the stream of events was told, by what came before it and what came of it, whatever any clock of the store's says: a
 * success or a failure is recorded after its handler has begun, and nobody reads, begins or is answered before it was told. A line comes after
 * all those before it.
 */
export function causalBounds(evidence: readonly Evidence[], told: readonly Told[]): Bounds[] {
  const [before, after] = [new Map<string, number>(), new Map<string, number>()];
  for (const { token, at } of factsOf(evidence, "start")) before.set(token, at);
  for (const { token, at } of factsOf(evidence, "claimed")) after.set(token, at);
  let least = Number.NEGATIVE_INFINITY;
  const leasts = told.map((line) => {
    // What is lost, timed out or cancelled may be so before its handler has begun.
    if ((line.what === "ended" || line.what === "again") && /[sf]/.test(line.state))
      least = Math.max(least, before.get(line.token) ?? least);
    return least;
  });
  let most = Number.POSITIVE_INFINITY;
  const mosts = told.toReversed().map((line) => {
    most = Math.min(most, line.at, (line.what === "started" && after.get(line.token)) || line.at);
    return most;
  });
  mosts.reverse();
  return leasts.map((one, index) => ({ least: one, most: mosts[index] ?? Number.POSITIVE_INFINITY }));
}
