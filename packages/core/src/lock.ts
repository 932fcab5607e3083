import { createLocker, type Lock, type Locker, type Refused } from "@escapement/locker";
import type { RedisSource } from "@escapement/redis";
import type { Claimed } from "./claim.js";
import { monotonic } from "./clock.js";
import type { Events } from "./events.js";
import type { Store } from "./store.js";

/** What became of the locks of a claimed batch. */
export interface Locked {
  /** May start: their locks are held. */
  readonly granted: readonly Claimed[];
  /** Were started before, say the voters. */
  readonly refused: readonly Claimed[];
  /** Could not be asked about: too few voters answered. */
  readonly unavailable: readonly Claimed[];
}

/**
 * The locks of attempts, `lock:<run>#<attempt>`, where independent voters hold them. They are never released after a start
 * but left to expire, so that a store that lost the claim cannot start the attempt again; those of attempts that run for
 * long are extended.
 */
export class RunLocks {
  readonly #store: Store;
  readonly #locker: Locker;
  readonly #ttl: number;
  readonly #held = new Map<Claimed, Lock>();
  /** Of what could not be had: the values under which voters may hold it all the same. */
  readonly #doubtful = new Map<Claimed, string>();

  constructor(store: Store, voters: readonly RedisSource[], ttl: number, events: Events) {
    this.#store = store;
    this.#ttl = ttl;
    this.#locker = createLocker({ voters: [...voters], ttl });
    this.#locker.on("voters-lost", () => events.emit("votersLost", { reason: this.reason() }));
    this.#locker.on("voters-restored", () => events.emit("votersRestored", {}));
  }

  /** Whether a majority of the voters can be reached. */
  get hasQuorum(): boolean {
    return this.#locker.status().quorum;
  }

  /** Gives connections that are being opened up to a second, so that a voter is not called unreachable before it was tried. */
  async settled(): Promise<void> {
    const until = monotonic() + 1000;
    while (monotonic() < until && this.#locker.status().voters.some(({ up }) => !up)) {
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  get locker(): Locker {
    return this.#locker;
  }

  /** What is wrong with the voters, for people. */
  reason(): string {
    const down = this.#locker.status().voters.filter(({ up }) => !up);
    return `${down.length} of ${this.#locker.status().voters.length} voters cannot be reached: ${down.map(({ url }) => url).join(", ")}`;
  }

  /** Takes the locks of a batch. Each is to be looked at with {@link isHeld} when its attempt begins. */
  async acquire(batch: readonly Claimed[]): Promise<Locked> {
    await this.#releaseLeft(batch);
    const byName = new Map<string, Claimed>();
    for (const claimed of batch) byName.set(this.#nameOf(claimed), claimed);
    const { granted, refused } = await this.#locker.acquire([...byName.keys()]);
    const locked: Claimed[] = [];
    for (const lock of granted) {
      const claimed = byName.get(lock.name);
      if (claimed === undefined) continue;
      this.#held.set(claimed, lock);
      locked.push(claimed);
    }
    if (refused.length === 0) return { granted: locked, refused: [], unavailable: [] };
    return { granted: locked, ...(await this.#sortRefused(refused, byName)) };
  }

  async #sortRefused(
    refusals: readonly Refused[],
    byName: ReadonlyMap<string, Claimed>,
  ): Promise<Omit<Locked, "granted">> {
    const pick = (names: readonly { name: string }[]): Claimed[] =>
      names.flatMap(({ name }) => byName.get(name) ?? []);
    const values = new Map(refusals.map((one) => [one.name, one.values ?? []]));
    const held = pick(refusals.filter(({ reason }) => reason === "held"));
    const started = await this.#startedElsewhere(held, values);
    const unavailable = [
      ...held.filter((claimed) => !started.has(claimed)),
      ...pick(refusals.filter(({ reason }) => reason !== "held")),
    ];
    for (const claimed of unavailable)
      this.#doubtful.set(claimed, (values.get(this.#nameOf(claimed)) ?? []).join(","));
    return { refused: [...started], unavailable };
  }

  /** Whether the lock of an attempt holds at this very moment. */
  isHeld(claimed: Claimed): boolean {
    return this.#held.get(claimed)?.isValid() ?? false;
  }

  /**
   * Which of these attempts were started before, by what voters say. Of one that was handed back, what holds the lock may be no more than what was left
   * then, which is no proof; a value that none of its claims had is one.
   */
  async #startedElsewhere(
    held: readonly Claimed[],
    tried: ReadonlyMap<string, readonly string[]>,
  ): Promise<Set<Claimed>> {
    const doubtful = held.filter(({ locksLeft }) => locksLeft.length > 0);
    const holders =
      doubtful.length === 0
        ? new Map<string, string>()
        : await this.#locker.holders(doubtful.map((claimed) => this.#nameOf(claimed)));
    const isStarted = (claimed: Claimed): boolean => {
      if (claimed.locksLeft.length === 0) return true;
      const name = this.#nameOf(claimed);
      const holder = holders.get(name);
      const own = [...claimed.locksLeft, ...(tried.get(name) ?? [])];
      return holder !== undefined && !own.includes(holder) && !own.includes("-");
    };
    return new Set(held.filter(isStarted));
  }

  /**
   * Under which values, with commas between, voters may go on holding the lock of an attempt that is handed back; `-` if that is not known, nothing
   * if none was asked for it.
   */
  valueOf(claimed: Claimed): string {
    return this.#held.get(claimed)?.value ?? this.#doubtful.get(claimed) ?? "-";
  }

  /** Releases what earlier claims of these attempts, handed back unstarted, may have left at voters. */
  async #releaseLeft(batch: readonly Claimed[]): Promise<void> {
    const earlier = batch.filter(({ locksLeft }) => locksLeft.length > 0);
    const left = earlier.flatMap((claimed) =>
      claimed.locksLeft
        .filter((value) => value !== "-")
        .map((value) => ({ name: this.#nameOf(claimed), value, validUntil: 0, isValid: () => false })),
    );
    if (left.length > 0) await this.#locker.release(left);
  }

  /** Lets go of locks whose attempts did not start, so that they can start later. */
  async release(batch: readonly Claimed[]): Promise<void> {
    const locks = batch.flatMap((claimed) => this.#held.get(claimed) ?? []);
    for (const claimed of batch) {
      this.#held.delete(claimed);
      this.#doubtful.delete(claimed);
    }
    if (locks.length > 0) await this.#locker.release(locks);
  }

  /** An attempt has ended: its lock is left to expire. */
  forget(claimed: Claimed): void {
    this.#held.delete(claimed);
  }

  /** Prolongs the locks of attempts that still run once half of their time is over. */
  async extend(now: number): Promise<void> {
    const due = new Map<string, Claimed>();
    const asked: Lock[] = [];
    for (const [claimed, lock] of this.#held) {
      if (lock.validUntil - now >= this.#ttl / 2) continue;
      due.set(lock.name, claimed);
      // By the wall clock they may seem to be over, and that may have been set: voters prolong only what they still hold.
      asked.push({ ...lock, isValid: () => monotonic() < lock.validUntil });
    }
    if (asked.length === 0) return;
    const { extended } = await this.#locker.extend(asked);
    for (const lock of extended) {
      const claimed = due.get(lock.name);
      if (claimed !== undefined && this.#held.has(claimed)) this.#held.set(claimed, lock);
    }
  }

  close(): Promise<void> {
    return Promise.resolve(this.#locker.close());
  }

  #nameOf({ run, attempt }: Claimed): string {
    return this.#store.keys.lock(run, attempt);
  }
}
