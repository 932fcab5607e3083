import { Ahead } from "./ahead.js";
import { Attempts, type Complete, describeAttempt, ownDetail } from "./attempts.js";
import type { Claimed } from "./claim.js";
import type { RunLogs } from "./run-logs.js";
import type { WorkerParts } from "./worker.js";

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

/** The runs that a node was given: their locks are taken where voters hold them, then they begin, wait for a slot, or go back. */
export class HeldRuns {
  readonly #parts: WorkerParts;
  readonly #holder: Holder;
  readonly #attempts: Attempts;
  readonly #ahead: Ahead;
  #beginning = false;

  constructor(parts: WorkerParts, holder: Holder) {
    this.#parts = parts;
    this.#holder = holder;
    this.#ahead = new Ahead((runs) => this.#giveBack(runs));
    this.#attempts = new Attempts(parts, holder.complete, (duration) => this.#ahead.learn(duration));
  }

  /** What the handlers say, on its way to the store. */
  get logs(): RunLogs {
    return this.#attempts.logs;
  }

  /** How many there are. */
  get size(): number {
    return this.#attempts.size + this.#ahead.size;
  }

  /** What was claimed for them. */
  list(): Claimed[] {
    return [...this.#attempts.held(), ...this.#ahead.held()];
  }

  /** How many this node may hold, and how many more it may be given. `mayWait`: also such as wait for a slot. */
  room(mayWait: boolean): { readonly most: number; readonly left: number } {
    const { settings, busy } = this.#parts;
    const most = settings.concurrency + (mayWait ? this.#ahead.room(settings.concurrency) : 0);
    return { most, left: Math.max(0, most - busy.size - this.#ahead.size) };
  }

  /** Resolves when all that run now have ended. What waits goes back. */
  ended(): Promise<void> {
    this.#giveBack(this.#ahead.remove());
    return this.#attempts.ended();
  }

  /** Tells all handlers to stop, and why. */
  abort(reason: Error): void {
    this.#giveBack(this.#ahead.remove());
    this.#attempts.abort(reason);
  }

  /** Has one end that is to be cancelled, if it is here. */
  cancel(run: string, reason: string): void {
    this.#giveBack(this.#ahead.remove(run)); // as it goes back, it ends
    this.#attempts.cancel(run, reason);
  }

  /** The store does not know any more that these are here, and other attempts may start. */
  lose(runs: readonly string[]): void {
    for (const run of runs) this.#ahead.remove(run);
    this.#attempts.lose(runs);
  }

  /** Takes the locks of what was claimed, where voters hold them, and begins it. */
  async begin(claimed: readonly Claimed[]): Promise<void> {
    if (claimed.length === 0) return;
    const { locks, events } = this.#parts;
    if (locks === undefined) {
      this.#beginOrWait(claimed);
      return;
    }
    const { granted, refused, unavailable } = await locks.acquire(claimed).catch((error: unknown) => {
      events.emit("error", { step: "lock", error: error as Error });
      return { granted: [], refused: [], unavailable: claimed };
    });
    // Told to stop meanwhile, or not sure of its lease: what is handed back must not leave its lock behind, by which its next claim would be refused.
    const able = this.#holder.isClaiming() && this.#parts.isAlive();
    const back = able ? unavailable : [...unavailable, ...granted];
    if (able) for (const item of granted) this.#launch(item);
    for (const item of refused) {
      events.emit("lockRefused", { runId: item.run, jobId: item.job });
      this.#holder.complete(item, "x", JSON.stringify({ ...ownDetail(item), reason: "lock" }), "");
    }
    if (back.length === 0) return;
    if (unavailable.length > 0) this.#holder.holdOff();
    this.#holder.lookAgain(); // they are due again as soon as they are back
    const values = back.map((item) => locks.valueOf(item));
    await locks.release(back).catch(() => undefined);
    for (const [index, item] of back.entries()) this.#handBack(item, values[index] ?? "-");
  }

  /** What waits for a slot takes those that are free. */
  beginNext(): void {
    this.#beginAll(() => undefined);
  }

  /** Those for which there is no slot wait from now on, however long the others take to begin. */
  #beginOrWait(claimed: readonly Claimed[]): void {
    const { settings, busy } = this.#parts;
    const slots = this.#holder.isClaiming() ? Math.max(0, settings.concurrency - busy.size) : claimed.length;
    for (const item of claimed.slice(slots)) this.#ahead.add(item);
    this.#beginAll(() => {
      for (const item of claimed.slice(0, slots)) this.#launch(item);
    });
  }

  #beginAll(first: () => void): void {
    if (this.#beginning) {
      first(); // further up: a handler has ended at once
      return;
    }
    this.#beginning = true;
    try {
      first();
      while (this.#ahead.size > 0 && this.#parts.busy.size < this.#parts.settings.concurrency) {
        const next = this.#ahead.next();
        if (next !== undefined) this.#launch(next);
      }
    } finally {
      this.#beginning = false;
    }
  }

  /** Others may begin them. */
  #giveBack(runs: readonly Claimed[]): void {
    if (runs.length > 0) this.#holder.lookAgain();
    for (const claimed of runs) this.#handBack(claimed, "");
  }

  #launch(claimed: Claimed): void {
    const { tasks, locks } = this.#parts;
    const task = tasks.get(claimed.task);
    const alive = this.#parts.isAlive();
    if (!alive) this.#holder.lookAgain(); // it is due again as soon as it is back
    // Refused, if the lease has ended: the leader takes it over then.
    if (!this.#holder.isClaiming() || task === undefined || !alive) {
      this.#handBack(claimed, locks?.valueOf(claimed) ?? "");
      return;
    }
    if (claimed.isGone) {
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
