import { randomUUID } from "node:crypto";
import { EventEmitter } from "node:events";
import { setImmediate } from "node:timers/promises";
import { EscapementError } from "@escapement/redis";
import { inBatches } from "./batches.js";
import { type Lock, startValidity } from "./lock.js";
import { checkNames, type LockerOptions, type Settings, settingsOf } from "./options.js";
import { type Ballot, type Outcome, voteToAcquire, voteToExtend, voteToRelease } from "./redlock.js";
import { Voter, type VoterStatus } from "./voter.js";

/** Why a lock was not granted: somebody has it, or fewer than a majority of the voters could be asked. */
export type RefusedReason = "held" | "unavailable";

/** A lock that was not granted. */
export interface Refused {
  readonly name: string;
  readonly reason: RefusedReason;
  /**
   * The values under which voters may hold it all the same, since requests had gone out. This locker gives them back as voters return; should it be
   * gone by then, anybody may, with `release`. Left out: nothing was asked for.
   */
  readonly values?: readonly string[];
}

/** What `acquire` came to; every name stands in one of the two. */
export interface Acquired {
  readonly granted: Lock[];
  readonly refused: Refused[];
}

/** A lock that was not prolonged. */
export interface NotExtended {
  readonly lock: Lock;
  /** `gone`: it is not held any more. `unavailable`: no majority answered; it holds until its `validUntil`. */
  readonly reason: "gone" | "unavailable";
}

/** What `extend` came to. */
export interface Extended {
  /** The locks with their new `validUntil`. The old objects keep the old one. */
  readonly extended: Lock[];
  readonly lost: NotExtended[];
}

/** The state of all voters. */
export interface LockerStatus {
  readonly voters: VoterStatus[];
  /** Whether enough of them are up to grant a lock. */
  readonly quorum: boolean;
}

/** What a locker tells its listeners. */
export interface LockerEvents {
  /** Fewer than a majority of the voters are up: no lock can be granted. */
  "voters-lost": [status: LockerStatus];
  /** A majority is up again. */
  "voters-restored": [status: LockerStatus];
}

/** Grants locks by majority. See {@link createLocker}. */
export interface Locker extends EventEmitter<LockerEvents> {
  /**
   * Takes as many of the names as are free, all at once if all are.
   *
   * @param options `value`: what the keys hold, new for each call; a random UUID for each batch if left out
   * @throws EscapementError `INVALID_NAME`, `LOCKER_CLOSED`; never for what voters do
   */
  acquire(names: readonly string[], options?: { readonly value?: string }): Promise<Acquired>;
  /**
   * Under which value a majority of the voters holds each name; what no majority is seen to hold is left out. Asks each voter once, and never rejects for
   * what voters do.
   *
   * @throws EscapementError `INVALID_NAME`, `LOCKER_CLOSED`
   */
  holders(names: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Prolongs locks to `ttl` from now, once. Never rejects for what voters do. */
  extend(locks: readonly Lock[]): Promise<Extended>;
  /** Releases locks, those that are still ours. A voter that cannot be reached is told when it is back. Never rejects. */
  release(locks: readonly Lock[]): Promise<void>;
  /** Who is up. */
  status(): LockerStatus;
  /** Closes what was opened. Locks stay, until they end by themselves. */
  close(): Promise<void>;
  /** The same as `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Creates a locker over 1, 3 or 5 independent Redis masters; connects in the background.
 *
 * @throws EscapementError `EVEN_VOTERS`, `INVALID_OPTION`, `INVALID_REDIS_URL`
 */
export function createLocker(options: LockerOptions): Locker {
  return new MajorityLocker(options);
}

class MajorityLocker extends EventEmitter<LockerEvents> implements Locker {
  readonly #settings: Settings;
  readonly #voters: Voter[] = [];
  readonly #onChange = (): void => this.#watchQuorum();
  /** Resolves when every voter had its chance to be connected; what comes later waits for nobody. */
  readonly #connected: Promise<unknown>;
  #watching = false;
  #hadQuorum = true;
  #closed = false;

  constructor(options: LockerOptions) {
    super();
    this.#settings = settingsOf(options);
    const perVoter = Math.floor(this.#settings.deadline / 2);
    try {
      for (const [index, source] of this.#settings.voters.entries()) {
        this.#voters.push(new Voter(source, index, perVoter));
      }
    } catch (error) {
      for (const voter of this.#voters) voter.close();
      throw error;
    }
    for (const { connection } of this.#voters)
      connection.on("lost", this.#onChange).on("restored", this.#onChange);
    const attempts = this.#voters.map(({ connection }) => connection.ready(perVoter));
    this.#connected = Promise.allSettled(attempts).then(() => {
      this.#watching = true;
      this.#watchQuorum();
    });
  }

  async acquire(names: readonly string[], options: { readonly value?: string } = {}): Promise<Acquired> {
    this.#checkOpen();
    const wanted = checkNames(names);
    const { ttl, clock } = this.#settings;
    const timeLeft = this.#timer();
    const granted: Lock[] = [];
    const tried: { readonly names: readonly string[]; readonly value: string }[] = [];
    await this.#connected;
    const { held, unavailable } = await inBatches(wanted, async (batch) => {
      // Another one for each attempt, so that a release of the last one, which may still be on its way, cannot touch this one.
      const value = options.value ?? randomUUID();
      const validity = startValidity(clock, ttl);
      const outcome = await this.#vote(batch, value, timeLeft(), (ballot) => {
        tried.push({ names: batch, value });
        return voteToAcquire(ballot, ttl);
      });
      if (outcome !== "done") return outcome;
      if (validity.isValid()) {
        for (const name of batch) granted.push(validity.lock(name, value));
        return "done";
      }
      // R1: granted so late that it was over already.
      await this.#releaseAll(batch, value);
      return "unavailable";
    });
    if (held.length + unavailable.length === 0) return { granted, refused: [] };
    const valuesOf = new Map<string, string[]>();
    for (const { names: asked, value } of tried)
      for (const name of asked) valuesOf.set(name, [...(valuesOf.get(name) ?? []), value]);
    const refusal = (name: string, reason: RefusedReason): Refused => {
      const values = valuesOf.get(name);
      return { name, reason, ...(values && { values }) };
    };
    return {
      granted,
      refused: [
        ...held.map((name) => refusal(name, "held")),
        ...unavailable.map((name) => refusal(name, "unavailable")),
      ],
    };
  }

  async holders(names: readonly string[]): Promise<Map<string, string>> {
    this.#checkOpen();
    const wanted = checkNames(names);
    await this.#connected;
    const deadline = Math.floor(this.#settings.deadline / 2);
    const answers = await Promise.all(
      this.#voters.map((voter) => voter.valuesOf(wanted, deadline).catch(() => [])),
    );
    const holders = new Map<string, string>();
    for (const [index, name] of wanted.entries()) {
      const votes = new Map<string, number>();
      for (const values of answers) {
        const value = values[index];
        if (value != null) votes.set(value, (votes.get(value) ?? 0) + 1);
      }
      for (const [value, count] of votes) if (count > this.#voters.length / 2) holders.set(name, value);
    }
    return holders;
  }

  async extend(locks: readonly Lock[]): Promise<Extended> {
    this.#checkOpen();
    const { ttl, clock } = this.#settings;
    const timeLeft = this.#timer();
    const extended: Lock[] = [];
    const lost: NotExtended[] = [];
    await this.#connected;
    for (const [value, group] of byValue(locks)) {
      const valid = group.filter((lock) => lock.isValid());
      for (const lock of group) if (!lock.isValid()) lost.push({ lock, reason: "gone" });
      const { held, unavailable } = await inBatches(valid, async (batch) => {
        const names = batch.map(({ name }) => name);
        const validity = startValidity(clock, ttl);
        const outcome = await this.#vote(names, value, timeLeft(), (ballot) => voteToExtend(ballot, ttl));
        // Prolonged in time only if it had not ended before the answer came.
        if (outcome === "done" && !batch.every((lock) => lock.isValid())) return "held";
        if (outcome === "done") for (const name of names) extended.push(validity.lock(name, value));
        return outcome;
      });
      for (const lock of held) lost.push({ lock, reason: "gone" });
      for (const lock of unavailable) lost.push({ lock, reason: "unavailable" });
    }
    return { extended, lost };
  }

  async release(locks: readonly Lock[]): Promise<void> {
    await this.#connected;
    await Promise.all(
      [...byValue(locks)].map(([value, group]) =>
        this.#releaseAll(
          group.map(({ name }) => name),
          value,
        ),
      ),
    );
  }

  status(): LockerStatus {
    return { voters: this.#voters.map(({ status }) => status), quorum: this.#hasQuorum };
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const voter of this.#voters) {
      voter.connection.off("lost", this.#onChange).off("restored", this.#onChange);
      voter.close();
    }
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #hasQuorum(): boolean {
    return this.#voters.filter(({ connection }) => connection.isReady).length > this.#voters.length / 2;
  }

  /** Milliseconds that remain of the deadline that begins now. */
  #timer(): () => number {
    const { clock, deadline } = this.#settings;
    const end = clock.monotonic() + deadline;
    return () => end - clock.monotonic();
  }

  /** Half of the time left is for the vote, half for giving back what a minority granted. */
  async #vote(
    names: readonly string[],
    value: string,
    timeLeft: number,
    voteOn: (ballot: Ballot) => Promise<Outcome>,
  ): Promise<Outcome> {
    const deadline = Math.floor(Math.min(timeLeft, this.#settings.deadline) / 2);
    if (deadline < 1 || !this.#hasQuorum) {
      // Never at once: a caller who asks again and again would keep the event loop from hearing of voters that are back.
      await setImmediate();
      return "unavailable";
    }
    return voteOn({ voters: this.#voters, names, value, deadline });
  }

  async #releaseAll(names: readonly string[], value: string): Promise<void> {
    const deadline = Math.floor(this.#settings.deadline / 2);
    await inBatches(names, async (batch) => {
      // Told also to those that seem to be away: they owe it then. An answer that it is gone already is as good.
      await voteToRelease({ voters: this.#voters, names: batch, value, deadline });
      return "done";
    });
  }

  #checkOpen(): void {
    if (!this.#closed) return;
    throw new EscapementError("LOCKER_CLOSED", "This locker has been closed. Create a new one.");
  }

  #watchQuorum(): void {
    if (!this.#watching || this.#closed || this.#hasQuorum === this.#hadQuorum) return;
    this.#hadQuorum = !this.#hadQuorum;
    this.emit(this.#hadQuorum ? "voters-restored" : "voters-lost", this.status());
  }
}

function byValue(locks: readonly Lock[]): Map<string, Lock[]> {
  const groups = new Map<string, Lock[]>();
  for (const lock of locks) {
    const group = groups.get(lock.value);
    if (group === undefined) groups.set(lock.value, [lock]);
    else group.push(lock);
  }
  return groups;
}
