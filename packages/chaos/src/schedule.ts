import type { Random } from "./random.js";

/** The faults that the seeded mode knows. `lost-replies`: requests arrive, their replies are cut off. `node-restart`: by SIGTERM. */
export type FaultKind =
  | "node-kill"
  | "node-restart"
  | "node-freeze"
  | "node-freeze-long"
  | "half-open"
  | "cut"
  | "lost-replies"
  | "redis-restart"
  | "redis-kill"
  | "redis-freeze"
  | "voter-kill"
  | "voter-freeze";

/** A fault that is to come. */
export interface PlannedFault {
  readonly kind: FaultKind;
  /** A node's name, `store`, or a voter's number. */
  readonly target: string;
  /** Milliseconds after the beginning. */
  readonly at: number;
  /** Milliseconds until it is over: thawed, connected, started again. */
  readonly lasts: number;
}

type Place = "node" | "store" | "voter";

interface Kind {
  readonly on: Place;
  readonly lasts: readonly [number, number];
  /** Milliseconds after it in which the target comes back and nothing else befalls it. @default 1000 */
  readonly settles?: number;
}

const kinds: Readonly<Record<FaultKind, Kind>> = {
  "node-kill": { on: "node", lasts: [100, 4000] },
  "node-restart": { on: "node", lasts: [1, 1], settles: 17_000 },
  "node-freeze": { on: "node", lasts: [200, 4000] },
  "node-freeze-long": { on: "node", lasts: [10_500, 13_000] }, // longer than its lease
  "half-open": { on: "node", lasts: [200, 5000] },
  cut: { on: "node", lasts: [1, 1] },
  "lost-replies": { on: "node", lasts: [5, 400] },
  "redis-restart": { on: "store", lasts: [1, 1] },
  "redis-kill": { on: "store", lasts: [1, 2500] },
  "redis-freeze": { on: "store", lasts: [200, 3000] },
  "voter-kill": { on: "voter", lasts: [100, 4000] },
  "voter-freeze": { on: "voter", lasts: [200, 4000] },
};

/** What faults can befall, by name. */
export interface Targets {
  readonly nodes: readonly [string, ...string[]];
  readonly voters: readonly string[];
}

/** Draws faults for `duration` ms: never two at once on one target. */
export function planFaults(random: Random, { nodes, voters }: Targets, duration: number): PlannedFault[] {
  const names = Object.keys(kinds) as [FaultKind, ...FaultKind[]];
  const busyUntil = new Map<string, number>();
  const planned: PlannedFault[] = [];
  for (let at = random.between(500, 2500); at < duration; at += random.between(200, 2500)) {
    const kind = random.pick(names);
    const { on, lasts, settles = 1000 } = kinds[kind];
    const [first, ...others] = { node: nodes, store: ["store"], voter: voters }[on];
    if (first === undefined) continue;
    const target = random.pick([first, ...others]);
    const fault = { kind, target, at, lasts: random.between(...lasts) };
    if ((busyUntil.get(target) ?? 0) > at) continue;
    busyUntil.set(target, at + fault.lasts + settles);
    planned.push(fault);
  }
  return planned;
}
