import { AsyncLocalStorage } from "node:async_hooks";
import { Ahead } from "./ahead.js";
import { Attempts, type Complete, describeAttempt, ownDetail } from "./attempts.js";
import type { Claimed } from "./claim.js";
import { longTimer, monotonic } from "./clock.js";
import type { RunLocks } from "./lock.js";
import type { PauseGate } from "./pause-gate.js";
import type { RunLogs } from "./run-logs.js";
import type { WorkerParts } from "./worker-parts.js";

/** What the runs that a node holds need of its worker. */
export interface Holder {
  /** Whether it still begins what it was given. */
  isClaiming(): boolean;
  /** Whether the node is dead: what it says is not heard any more. */
  isAbandoned(): boolean;
  readonly complete: Complete;
  /** Something may be due at once. */
  lookAgain(): void;
  /** Voters could not be asked: what is claimed now could not begin either. */
  holdOff(): void;
}

/** So many ms after its claim a run may begin at the most, or voters be asked for its lock: pauses that are set meanwhile are promised to hold. */
const stale = 75;
/** After so many answers in a row that came that late the next one is taken all the same: it is the connection that is slow. */
const mostLate = 3;
/** For so many ms of its own work a node takes runs at a time, so that none of them waits long for the others to begin. */
const span = 50;
/**
 * Where voters took longer the last time, so many ms, nothing is claimed ahead: it would be too old to begin by the time its locks are held. Where a look at the
 * gate did, voters are asked meanwhile.
 */
const quick = 10;

/** The runs that a node was given: their locks are taken where voters hold them, then they begin, wait for a slot, or go back. */
export class HeldRuns {
  readonly #parts: WorkerParts;
  readonly #holder: Holder;
  readonly #attempts: Attempts;
  readonly #ahead: Ahead;
  readonly #inOwnContext: <R>(code: () => R) => R = AsyncLocalStorage.snapshot();
  #beginning = false;
  #locking = 0; // runs whose locks are being taken, or that wait at the gate
  #lockMs = 0; // that it took to take locks, the last time
  #lookMs = 0; // that a look at the gate took, the last time
  /** Of which the locks are being let go, before they are handed back; and those of them of which no voter was asked yet to do so. */
  readonly #returning = new Set<Claimed>();
  readonly #unlocking: Claimed[] = [];
  #launched = 0;
  #launchMs = 0; // that it takes to begin one, lately
  #late = 0; // answers in a row

  constructor(parts: WorkerParts, holder: Holder) {
    this.#parts = parts;
    this.#holder = holder;
    this.#ahead = new Ahead((runs) => this.#giveBack(runs));
    this.#attempts = new Attempts(parts, holder.complete, (duration, now) =>
      this.#ahead.learn(duration, now),
    );
  }

  /** What the handlers say, on its way to the store. */
  get logs(): RunLogs {
    return this.#attempts.logs;
  }

  /** How many there are. */
  get size(): number {
    return this.#attempts.size + this.#ahead.size + this.#returning.size;
  }

  /** Whether some are about to be handed back: the worker has still to report them. */
  get isReturning(): boolean {
    return this.#returning.size > 0;
  }

  /** What was claimed for them. */
  list(): Claimed[] {
    return [...this.#attempts.held(), ...this.#ahead.held(), ...this.#returning];
  }

  /** How many there are that have not begun. */
  get unbegun(): number {
    return this.#ahead.size + this.#locking;
  }

  /** How many this node may hold, how many more it may be given, and for how many of these there are slots. `mayWait`: also such as wait for one. */
  room(mayWait: boolean): { readonly most: number; readonly left: number; readonly free: number } {
    const { total, running } = this.#parts.slots;
    const ahead = mayWait && this.#lockMs < quick;
    const most = total + (ahead ? this.#ahead.room(total, monotonic(), this.#lockMs) : 0);
    const held = running + this.unbegun;
    const able = Math.max(1, Math.floor(span / this.#launchMs));
    return { most, left: Math.min(most - held, able), free: total - held };
  }

  /** A request that brought something took so many ms. */
  learnRequest(ms: number): void {
    this.#ahead.learnRequest(ms);
  }

  get #free(): number {
    return Math.max(0, this.#parts.slots.total - this.#parts.slots.running);
  }

  /**
   * Resolves when all that run now have ended. What waits goes back. Handlers that run for longer than `timeout` ms are told to stop, and why: one that
   * listens to its signal ends then, one that does not is left to the leader, as of a dead node.
   */
  async ended(timeout: number, reason: () => Error): Promise<void> {
    this.#giveBack(this.#ahead.remove());
    const ended = this.#attempts.ended();
    let timer: NodeJS.Timeout | undefined;
    const after = (ms: number): Promise<"late"> =>
      new Promise((resolve) => {
        const keep = (next: NodeJS.Timeout): void => {
          timer = next;
        };
        timer = longTimer(ms, keep, () => resolve("late"));
      });
    if ((await Promise.race([ended, after(timeout)])) === "late") {
      this.abort(reason());
      await Promise.race([ended, after(this.#parts.settings.abortGrace)]);
    }
    clearTimeout(timer);
  }

  /** Tells all handlers to stop, and why. */
  abort(reason: Error): void {
    this.#giveBack(this.#ahead.remove());
    this.#attempts.abort(reason);
  }

  /** Has those end that are to be cancelled, if they are here; one and why, in turn. */
  cancel(runs: readonly string[]): void {
    for (let at = 0; at + 1 < runs.length; at += 2) {
      this.#giveBack(this.#ahead.remove(runs[at] ?? "")); // as it goes back, it ends
      this.#attempts.cancel(runs[at] ?? "", runs[at + 1] ?? "");
    }
  }

  /** Asks which are. Word of it may be lost: the next heartbeat brings it again. */
  readCancelled(): void {
    const { store, node } = this.#parts;
    store.lease
      .run("reading what is to be cancelled", (client) => client.hgetall(store.keys.cancelled(node)))
      .then((runs) => this.cancel(Object.entries(runs).flat()))
      .catch(() => undefined);
  }

  /** The store does not know any more that these are here, and other attempts may start. */
  lose(runs: readonly string[]): void {
    const waiting = runs.flatMap((run) => this.#ahead.remove(run));
    // They never began: another node need not be refused.
    this.#parts.locks?.release(waiting).catch(() => undefined);
    this.#attempts.lose(runs);
  }

  /** Takes the locks of what was claimed, where voters hold them, and begins it. */
  async begin(claimed: readonly Claimed[]): Promise<void> {
    if (claimed.length === 0) return;
    const { gate, locks } = this.#parts;
    const claimedAt = this.#claimedAt(claimed);
    if (gate === undefined || gate.areOpen(claimed)) return this.#beginOpen(claimed, claimedAt, claimedAt);
    // One after the other would take so long that most go back, and are claimed and looked at again.
    if (locks !== undefined && this.#lookMs >= quick && monotonic() - claimedAt <= stale)
      return this.#lockAndBegin(claimed, claimedAt, locks, this.#look(gate, claimed));
    const open = await this.#letThrough(gate, claimed);
    // That the gate is open has been seen now, however long the look took.
    if (open.length > 0) await this.#beginOpen(open, claimedAt, monotonic());
  }

  /** Those that no pause of partition 0 holds back; the others go back, and are held back by the next claim. */
  async #letThrough(gate: PauseGate, claimed: readonly Claimed[]): Promise<readonly Claimed[]> {
    this.#locking += claimed.length;
    const open = new Set(
      await this.#look(gate, claimed).finally(() => {
        this.#locking -= claimed.length;
      }),
    );
    this.#giveBackUnasked(claimed.filter((item) => !open.has(item)));
    return [...open];
  }

  async #look(gate: PauseGate, claimed: readonly Claimed[]): Promise<readonly Claimed[]> {
    const askedAt = monotonic();
    const { open, isToWait } = await gate.look(claimed);
    this.#lookMs = monotonic() - askedAt;
    if (isToWait) this.#holder.holdOff();
    return open;
  }

  /** @param since from when on they may take so long to begin, where no voters are asked: their claim, or a look at the gate */
  async #beginOpen(claimed: readonly Claimed[], claimedAt: number, since: number): Promise<void> {
    const { locks } = this.#parts;
    if (locks === undefined) this.#beginOrWait(claimed, claimedAt, since);
    else if (monotonic() - claimedAt <= stale) await this.#lockAndBegin(claimed, claimedAt, locks);
    // What comes late may be of a store that has lost the claim since, and given the run to another node.
    else this.#giveBackUnasked(claimed);
  }

  /** Others may begin them; no voter was asked for them. */
  #giveBackUnasked(claimed: readonly Claimed[]): void {
    if (claimed.length > 0) this.#holder.lookAgain();
    for (const item of claimed) this.#handBack(item, "");
  }

  /** @param letThrough those of them that no pause holds back, where that is being looked at */
  async #lockAndBegin(
    claimed: readonly Claimed[],
    claimedAt: number,
    locks: RunLocks,
    letThrough: Promise<readonly Claimed[]> = Promise.resolve(claimed),
  ): Promise<void> {
    const { events } = this.#parts;
    this.#locking += claimed.length;
    const [{ granted, refused, unavailable }, open] = await Promise.all([
      this.#acquire(claimed, locks),
      letThrough,
    ]);
    this.#locking -= claimed.length;
    // Told to stop meanwhile, or not sure of its lease?
    const able = this.#holder.isClaiming() && this.#parts.isAlive();
    const begins = new Set(able ? granted.filter((item) => open.includes(item)) : []);
    this.#giveBack([...unavailable, ...granted.filter((item) => !begins.has(item))]);
    if (unavailable.length > 0) this.#holder.holdOff();
    if (able) this.#beginOrWait([...begins], claimedAt, monotonic());
    for (const item of refused) {
      events.emit("lockRefused", { runId: item.run, jobId: item.job });
      this.#holder.complete(item, "x", JSON.stringify({ ...ownDetail(item), reason: "lock" }), "");
    }
  }

  async #acquire(claimed: readonly Claimed[], locks: RunLocks): ReturnType<RunLocks["acquire"]> {
    const askedAt = monotonic();
    const answer = await locks.acquire(claimed).catch((error: unknown) => {
      this.#parts.events.emit("error", { step: "lock", error: error as Error });
      return { granted: [], refused: [], unavailable: claimed };
    });
    this.#lockMs = monotonic() - askedAt;
    return answer;
  }

  /** What waits for a slot takes those that are free. Not in what a handler has entered that ended by an error which it left uncaught. */
  beginNext(): void {
    // What begins runs at the moment goes on with those that wait, as soon as the one that has just ended is out of the way.
    if (this.#ahead.size > 0 && !this.#beginning) this.#inOwnContext(this.#beginWaiting);
  }

  readonly #beginWaiting = (): void => this.#beginAll(() => undefined);

  /**
   * All of one answer. Those for which there is no slot wait from now on, however long the others take to begin.
   *
   * @param since from when on they may take so long: their claim, or when their locks were held
   */
  #beginOrWait(claimed: readonly Claimed[], claimedAt: number, since: number): void {
    const slots = this.#holder.isClaiming() ? this.#free : claimed.length;
    this.#ahead.add(claimed.slice(slots), claimedAt);
    this.#beginAll(() => {
      for (let at = 0; at < slots && at < claimed.length; at += 1) {
        if (monotonic() - since > stale) {
          this.#giveBack(claimed.slice(at, slots));
          return;
        }
        this.#launch(claimed[at] as Claimed);
      }
    });
  }

  /** When an answer's runs were claimed, by the monotonic clock; now, where the connection is too slow to ask again. */
  #claimedAt([first]: readonly Claimed[]): number {
    const now = monotonic();
    const claimedAt = Math.min(
      now,
      first === undefined ? now : this.#parts.store.clock.reaches(first.claimedAt),
    );
    const isLate = now - claimedAt > stale;
    this.#late = isLate && this.#late < mostLate ? this.#late + 1 : 0;
    return isLate && this.#late === 0 ? now : claimedAt;
  }

  #beginAll(first: () => void): void {
    if (this.#beginning) {
      first(); // further up: a handler has ended at once
      return;
    }
    this.#beginning = true;
    const [began, before] = [monotonic(), this.#launched];
    try {
      first();
      while (this.#ahead.size > 0 && this.#free > 0) {
        const next = this.#ahead.next();
        if (next !== undefined) this.#launch(next);
      }
    } finally {
      this.#beginning = false;
      if (this.#launched > before) this.#learn((monotonic() - began) / (this.#launched - before));
    }
  }

  /** A slow one counts at once. */
  #learn(ms: number): void {
    this.#launchMs = Math.max(ms, (this.#launchMs + ms) / 2);
  }

  /** Others may begin them; none has begun here. */
  #giveBack(runs: readonly Claimed[]): void {
    if (runs.length > 0) this.#holder.lookAgain(); // they are due again as soon as they are back
    this.#return(runs);
  }

  /** What is handed back must not leave its lock behind, by which its next claim would be refused. All of one turn together. */
  #return(runs: readonly Claimed[]): void {
    const { locks } = this.#parts;
    if (locks === undefined) for (const claimed of runs) this.#handBack(claimed, "");
    else if (runs.length > 0) {
      if (this.#unlocking.length === 0) queueMicrotask(() => void this.#letGo(locks));
      this.#unlocking.push(...runs);
      for (const claimed of runs) this.#returning.add(claimed);
    }
  }

  async #letGo(locks: RunLocks): Promise<void> {
    const runs = this.#unlocking.splice(0);
    const values = runs.map((claimed) => locks.valueOf(claimed));
    await locks.release(runs).catch(() => undefined);
    for (const claimed of runs) this.#returning.delete(claimed);
    for (const [index, claimed] of runs.entries()) this.#handBack(claimed, values[index] ?? "-");
  }

  #launch(claimed: Claimed): void {
    this.#launched += 1;
    const { tasks, locks } = this.#parts;
    const task = tasks.get(claimed.task);
    const open = this.#parts.gate?.isOpen(claimed) !== false;
    const mayStart = open && this.#parts.isAlive() && locks?.isHeld(claimed) !== false;
    if (!mayStart) this.#holder.lookAgain(); // it is due again as soon as it is back
    // Refused, if the lease has ended: the leader takes it over then.
    if (!this.#holder.isClaiming() || task === undefined || !mayStart) {
      this.#return([claimed]);
      return;
    }
    if (claimed.isGone) {
      locks?.forget(claimed);
      this.#holder.complete(
        claimed,
        "c",
        JSON.stringify({ ...ownDetail(claimed), reason: "job-removed" }),
        "",
      );
      return;
    }
    this.#attempts.start(claimed, task);
  }

  /** Listeners hear of it before the request that takes it to the store: that is sent in a later turn. */
  #handBack(claimed: Claimed, lock: string): void {
    const { events, node } = this.#parts;
    if (!this.#holder.isAbandoned()) events.emit("handedBack", describeAttempt(node, claimed));
    this.#holder.complete(claimed, "b", lock, "");
  }
}
