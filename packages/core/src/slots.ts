/** Milliseconds that other partitions wait for the slots that one has asked runs for. */
export const patience = 250;

/** An engine that shares a process' slots with others: the worker of one partition. */
export interface Sharer {
  /** Slots that are taken by what it has asked for, or was given and has not begun. */
  taken(): number;
  /** Whether it would ask for runs now, if it had slots for them. */
  wants(): boolean;
  /** There may be slots for it. */
  freed(): void;
}

/**
 * The slots of a process: the handlers that run in it, those of earlier identities and of all partitions included. Where fewer slots are free than partitions want,
 * each one gets an equal share; those that have waited longest come first.
 */
export class Slots {
  readonly total: number;
  #running = 0;
  /** The one that was served longest ago first. */
  readonly #sharers: Sharer[] = [];

  /** @param total how many handlers may run at once */
  constructor(total: number) {
    this.total = total;
  }

  /** How many handlers run. */
  get running(): number {
    return this.#running;
  }

  /** Whether several partitions have them. */
  get isShared(): boolean {
    return this.#sharers.length > 1;
  }

  /** A handler begins. */
  begin(): void {
    this.#running += 1;
  }

  /** It has ended. */
  end(): void {
    this.#running -= 1;
  }

  join(sharer: Sharer): void {
    this.#sharers.push(sharer);
  }

  leave(sharer: Sharer): void {
    const at = this.#sharers.indexOf(sharer);
    if (at >= 0) this.#sharers.splice(at, 1);
  }

  /** Slots that are taken by what the other partitions have asked for, or were given and have not begun. */
  takenBesides(one: Sharer): number {
    if (this.#sharers.length <= 1) return 0;
    let taken = 0;
    for (const sharer of this.#sharers) if (sharer !== one) taken += sharer.taken();
    return taken;
  }

  /** How many of so many free slots a partition may take, so that each that wants some gets its share. */
  shareOf(one: Sharer, free: number): number {
    if (this.#sharers.length <= 1 || free <= 0) return free;
    let [others, before] = [0, 0]; // that want some, and of these those whose turn is sooner
    let isBefore = true;
    for (const sharer of this.#sharers) {
      if (sharer === one) isBefore = false;
      else if (sharer.wants()) {
        others += 1;
        if (isBefore) before += 1;
      }
    }
    return Math.min(free - before, Math.ceil(free / (others + 1)));
  }

  /** A partition has asked for runs: the others' turn is sooner now. */
  served(one: Sharer): void {
    if (this.#sharers.length <= 1) return;
    this.leave(one);
    this.join(one);
  }

  /** Slots that a partition has asked for are kept for it until it is answered, or for so long: where it does not answer they are the others'. */
  keptUntil(one: Sharer, answered: Promise<unknown>): void {
    if (!this.isShared) return;
    const late = setTimeout(() => this.freed(one), patience + 1);
    const end = (): void => clearTimeout(late);
    answered.then(end, end);
  }

  /** There may be slots again: all that want some are told, the one whose turn it is first. @param by who knows already */
  freed(by?: Sharer): void {
    if (by !== undefined && this.#sharers.length <= 1) return;
    for (const sharer of [...this.#sharers]) if (sharer !== by && sharer.wants()) sharer.freed();
  }
}
