import type { ClockMove } from "../evidence/evidence.js";
import type { Random } from "../random.js";
import type { Trial } from "../trial.js";

/** What a fault gets to work with. */
export interface Hands {
  readonly trial: Trial;
  /** What it befalls: one of the names that {@link FaultKind.targets} gave. */
  readonly target: string;
  /** How long it is to last, in ms. */
  readonly lasts: number;
  /** Choices within the fault come from the seed as well. */
  readonly random: Random;
  /**
   * For a target that is known only now, such as the leader: has it for itself until the fault is over.
   *
   * @returns whether nothing else befalls it just now
   */
  take(target: string): boolean;
}

/** A fault that has begun. */
export interface Befallen {
  /**
   * What was seen of its consequences: the process that is gone, the bytes that were lost, what Redis answered, what a node took down. Empty:
   * it did not hit, and is not counted. Asked for once it is over.
   */
  readonly proof: () => string | Promise<string>;
  /** Heals it. */
  readonly end?: () => unknown;
  /** How it moved Redis' clock. Asked for once it is over. */
  readonly moved?: () => ClockMove;
  /** The partitions on the master that it befell, where they lie on several. @default all */
  readonly partitions?: readonly number[];
}

/** One kind of fault. */
export interface FaultKind {
  /** Such as `node-kill`; reports count by it. */
  readonly name: string;
  /** What it can befall in a topology with these nodes. None: it does not happen there. */
  targets(on: Targets): readonly string[];
  /** The names of all that it befalls besides its target, and that nothing else is to befall meanwhile. @default none */
  others?(on: Targets): readonly string[];
  /** How long it lasts, in ms, at least and at most, before it is healed. */
  readonly lasts: readonly [least: number, most: number];
  /** Milliseconds after that in which the target comes back and nothing else befalls it. @default 1000 */
  readonly settles?: number;
  /** How many times as often as others it is drawn. @default 1 */
  readonly weight?: number;
  /** Lets it happen; resolves when it has. */
  begin(hands: Hands): Promise<Befallen>;
}

/** What there is for faults to befall. */
export interface Targets {
  /** Nodes, by name. */
  readonly nodes: readonly string[];
  /** The topology's name, and how many servers of each kind it has. */
  readonly topology: string;
  readonly store: number;
  readonly watchers: number;
  readonly voters: number;
}

/** `count` names, such as `voter-0`, `voter-1`. The number says which one it is. */
export function named(kind: "store" | "watcher" | "voter", count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${kind}-${index}`);
}

/** The number in a name that {@link named} gave. */
export function numberIn(target: string): number {
  return Number(target.slice(target.lastIndexOf("-") + 1));
}

/** What did not happen, since there was nothing for it to happen to: it may be tried again. */
export const nothingHappened: Befallen = { proof: () => "" };
