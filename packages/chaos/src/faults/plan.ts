import type { Random } from "../random.js";
import type { FaultKind, Targets } from "./fault.js";

/** A fault that is to come. */
export interface PlannedFault {
  readonly kind: FaultKind;
  readonly target: string;
  /** What else it befalls. */
  readonly others?: readonly string[];
  /** Milliseconds after the beginning. */
  readonly at: number;
  /** Milliseconds until it is healed. */
  readonly lasts: number;
}

/** So long a calm is in which nothing befalls anything, ms, how often there is one, and when the first begins: what goes wrong by itself shows in it. */
const calm = { lasts: 8000, every: 40_000, first: 16_000 } as const;

/** Whether a time, in ms after the beginning, touches a calm. */
export function isInCalm(from: number, until: number): boolean {
  const next = calm.first + calm.every * Math.max(0, Math.floor((from - calm.first) / calm.every));
  return [next, next + calm.every].some((begin) => from < begin + calm.lasts && until > begin);
}

/**
 * Draws faults of some kinds for `duration` ms: never two at once on one target, and none in the calm that there is in longer trials.
 *
 * @throws Error if none of these kinds can happen there
 */
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
  if (drawn.length === 0)
    throw new Error(
      `On this machine and the topology ${targets.topology} none of these faults can happen: ${kinds.map(({ name }) => name).join(", ")}.`,
    );
  const busyUntil = new Map<string, number>();
  const planned: PlannedFault[] = [];
  for (let at = random.between(500, 2500); at < duration; at += random.between(200, 2500)) {
    const { kind, possible } = random.pick(drawn as [(typeof drawn)[0], ...typeof drawn]);
    const target = random.pick(possible as [string, ...string[]]);
    const lasts = random.between(...kind.lasts);
    const others = (kind.others?.(targets) ?? []).filter((name) => name !== target);
    const befalls = [target, ...others];
    if (befalls.some((name) => (busyUntil.get(name) ?? 0) > at)) continue;
    if (duration > calm.first + calm.lasts && isInCalm(at, at + lasts)) continue;
    for (const name of befalls) busyUntil.set(name, at + lasts + (kind.settles ?? 1000));
    planned.push({ kind, target, others, at, lasts });
  }
  return planned;
}
