import type { Claimed } from "./claim.js";
import { monotonic } from "./clock.js";
import type { Events } from "./events.js";
import { inTime } from "./in-time.js";
import { copyPauses, countPauses, noteAtHome } from "./pause-copies.js";
import type { ProcessNames } from "./process-names.js";
import { isForcedRun } from "./run-now.js";
import type { Store } from "./store.js";

/** For so many ms from the sending of a look it is taken for granted that there still is no such pause. */
const remembered = 500;
/** What was seen so many ms ago is asked for again: it is to hold until the runs have begun. */
const renewed = 350;
/** Names that are remembered. */
const most = 50_000;

/** Which pauses there are not, as one of a process' engines has lately seen. */
export class SeenPauses {
  readonly #absent = new Map<string, number>(); // name → monotonic time of the look, oldest first
  /** Whether the process was drained by the last look that said so. */
  isDrained = false;
  isLooking = false;

  /** Whether a look of the last `ms` milliseconds has shown that there is no pause of that name. */
  isAbsent(name: string, ms: number): boolean {
    const at = this.#absent.get(name);
    return at !== undefined && monotonic() - at < ms;
  }

  absent(names: Iterable<string>, at: number): void {
    for (const name of names) {
      this.#absent.delete(name);
      this.#absent.set(name, at);
    }
    const over = monotonic() - remembered;
    for (const [name, seen] of this.#absent) {
      if (seen > over && this.#absent.size <= most) break;
      this.#absent.delete(name);
    }
  }

  present(name: string): void {
    this.#absent.delete(name);
  }
}

/** What a look has shown of runs that were claimed. */
interface Let {
  readonly open: readonly Claimed[];
  /** They are to go back. */
  readonly held: readonly Claimed[];
  /** Nothing would hold them back with the next claim: it is to wait. */
  readonly isToWait: boolean;
}

/** What the gate of an engine needs. */
interface GateParts {
  readonly store: Store;
  readonly names: ProcessNames;
  readonly seenPauses: SeenPauses;
  readonly events: Events;
}

/** Of a namespace of one partition there is none: what is claimed there has been looked at. */
export function gateOf(parts: GateParts): PauseGate | undefined {
  return parts.store.partitions > 1 ? new PauseGate(parts) : undefined;
}

/**
 * What a pause says stands in partition 0. What was claimed in another one is let through by a look there, at all names by which a run can be held back, and
 * at those that the process has as a node in any partition; where there is such a pause this partition gets a copy, by which the next claim holds the runs back.
 */
export class PauseGate {
  readonly #parts: GateParts;
  readonly #seen: SeenPauses;

  constructor(parts: GateParts) {
    this.#parts = parts;
    this.#seen = parts.seenPauses;
  }

  /** Whether it may begin now: a look of the last 500 ms has shown that nothing holds it back. */
  isOpen(claimed: Claimed): boolean {
    return this.#namesOf(claimed).every((name) => this.#seen.isAbsent(name, remembered));
  }

  /** Whether these need no look. */
  areOpen(claimed: readonly Claimed[]): boolean {
    return claimed.every((one) => this.#namesOf(one).every((name) => this.#seen.isAbsent(name, renewed)));
  }

  /** Whether it is worth while to claim: not while the process is drained. That is looked at again each time that it is asked. */
  mayClaim(): boolean {
    if (!this.#seen.isDrained) return true;
    if (!this.#seen.isLooking) {
      this.#seen.isLooking = true;
      this.#look(this.#nodeNames())
        .catch(() => undefined) // it is asked again
        .finally(() => {
          this.#seen.isLooking = false;
        });
    }
    return false;
  }

  /** Looks whether these may begin. Where that cannot be known none may. */
  async look(claimed: readonly Claimed[]): Promise<Let> {
    try {
      const wanted = new Set<string>();
      for (const one of claimed)
        for (const name of this.#namesOf(one)) if (!this.#seen.isAbsent(name, renewed)) wanted.add(name);
      const found = await this.#look([...wanted]);
      const isHeld = (one: Claimed): boolean => this.#namesOf(one).some((name) => found.has(name));
      const copies = [...found].filter(([name]) => !isOfNode(name));
      if (copies.length > 0) await inTime(remembered, this.#copy(copies));
      return {
        open: claimed.filter((one) => !isHeld(one)),
        held: claimed.filter(isHeld),
        isToWait: false,
      };
    } catch (error) {
      this.#parts.events.emit("error", { step: "pauses", error: error as Error });
      return { open: [], held: claimed, isToWait: true };
    }
  }

  /** Those of these pauses that there are, with their texts. */
  async #look(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    if (names.length === 0) return new Map();
    const { home } = this.#parts.store;
    const at = monotonic();
    const count = await inTime(remembered, countPauses(home, names));
    const found =
      count === 0 ? new Map<string, string>() : await inTime(remembered, noteAtHome(home.lease, home, names));
    this.#seen.absent(
      names.filter((name) => !found.has(name)),
      at,
    );
    for (const name of found.keys()) this.#seen.present(name);
    const own = this.#nodeNames();
    if (own.some((name) => found.has(name))) this.#seen.isDrained = true;
    else if (own.every((name) => this.#seen.isAbsent(name, remembered))) this.#seen.isDrained = false;
    return found;
  }

  #copy(there: readonly (readonly [string, string])[]): Promise<void> {
    const { store } = this.#parts;
    return copyPauses(store.lease, store, { there });
  }

  #nodeNames(): string[] {
    return this.#parts.names.all.map((name) => `node:${name}`);
  }

  /** By which pauses a run would be held back. In partition 0 its claim has seen all but those of the process' other names. */
  #namesOf({ run, attempt, job, task, queue, tags }: Claimed): string[] {
    const nodes = this.#nodeNames();
    if (this.#parts.store.partition === 0) return nodes.length === 1 ? [] : nodes;
    if (attempt === 1 && isForcedRun(run)) return nodes;
    const names = [...nodes, "all", `queue:${queue}`, `task:${task}`];
    if (job === undefined) return names;
    return [...names, `job:${job}`, ...tags.map((tag) => `tag:${tag}`)];
  }
}

const isOfNode = (name: string): boolean => name.startsWith("node:");
