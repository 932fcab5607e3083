import type { Random } from "../random.js";
import type { FaultKind, Targets } from "./fault.js";

/** A fault that is to come. */
export interface PlannedFault {
  readonly kind: FaultKind;
  readonly target: string;
  /** Milliseconds after the beginning. */
  readonly at: number;
  /** Milliseconds until it is healed. */
  readonly lasts: number;
}

/** Draws faults of some kinds for `duration` ms: never two at once on one target. */
export function planFaults(
  random: Random,
  kinds: readonly FaultKind[],
  targets: Targets,
  duration: number,
): PlannedFault[] {
  const drawn = kinds.flatMap((kind) => {
    const possible = kind.targets(targets);
    return possible.length === 0 ? [] : Array.from({ length: kind.weight ?? 1 }, () => ({ kind, possible }));
  });
  const busyUntil = new Map<string, number>();
  const planned: PlannedFault[] = [];
  for (let at = random.between(500, 2500); at < duration; at += random.between(200, 2500)) {
    const { kind, possible } = random.pick(drawn as [(typeof drawn)[0], ...typeof drawn]);
    const target = random.pick(possible as [string, ...string[]]);
    const lasts = random.between(...kind.lasts);
    if ((busyUntil.get(target) ?? 0) > at) continue;
    busyUntil.set(target, at + lasts + (kind.settles ?? 1000));
    planned.push({ kind, target, at, lasts });
  }
  return planned;
}
