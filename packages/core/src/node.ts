import { EscapementError } from "@escapement/redis";
import { monotonic, wallClock } from "./clock.js";
import { NodeDescription } from "./describe-node.js";
import { LeaseLostError, SchedulerStoppedError } from "./errors.js";
import type { Events } from "./events.js";
import { jittered } from "./id.js";
import { Joining } from "./joining.js";
import { Leader } from "./leader.js";
import { NodeLease } from "./lease.js";
import type { Lender } from "./lender.js";
import type { RunLocks } from "./lock.js";
import type { Logger } from "./logger.js";
import { type LoopName, startBeats } from "./loop-watch.js";
import type { Settings } from "./options.js";
import { gateOf, type SeenPauses } from "./pause-gate.js";
import type { ProcessNames } from "./process-names.js";
import { repeat } from "./repeat.js";
import { heartbeat, heartbeatWhenFull, join, leave } from "./scripts/index.js";
import type { Slots } from "./slots.js";
import type { Store } from "./store.js";
import type { AnyTask } from "./task.js";
import { deathIn } from "./until-answered.js";
import { Worker } from "./worker.js";

/** What a node is made of. */
export interface NodeParts {
  readonly store: Store;
  readonly settings: Settings;
  readonly tasks: ReadonlyMap<string, AnyTask>;
  readonly locks: RunLocks | undefined;
  readonly events: Events;
  readonly logger: Logger;
  readonly slots: Slots;
  readonly lender: Lender | undefined;
  readonly names: ProcessNames;
  readonly seenPauses: SeenPauses;
  /** What the same process was called before, if it starts over: the last name that it worked under, and those since that may have joined. */
  readonly formers: readonly string[];
  /** This identity is dead; the scheduler starts another. */
  onDead(): void;
}

/** Each name but the first took a lease of unanswered joining. */
const mostNames = 100;

/**
 * One identity of a running instance: a lease, kept by one heartbeat, that covers all that it holds. Once the lease has
 * ended the identity is dead for good.
 */
export class Node {
  readonly id: string;
  readonly #parts: NodeParts;
  readonly #lease: NodeLease;
  readonly #worker: Worker | undefined;
  readonly #leader: Leader | undefined;
  #beat: NodeJS.Timeout | undefined;
  #dead = false;
  #stopping = false;
  readonly #description: NodeDescription;
  readonly #joining: Joining;
  #endBeats: (() => void) | undefined;

  constructor(parts: NodeParts) {
    this.#parts = parts;
    const { store, settings, events, logger } = parts;
    this.id = parts.names.next(parts.formers.at(-1), store.partition);
    this.#joining = new Joining(settings.nodeTtl);
    this.#lease = new NodeLease(settings.nodeTtl, () => this.#die("the lease was not prolonged in time"));
    if (settings.roles.includes("worker")) {
      this.#worker = new Worker({
        ...parts,
        node: this.id,
        gate: gateOf(parts),
        isAlive: () => this.#lease.isHeld(),
        isOver: () => this.#lease.isOver(),
        onDead: (reason) => this.#die(reason),
      });
    }
    if (settings.roles.includes("leader"))
      this.#leader = new Leader(this.id, store, settings, events, logger);
    this.#description = new NodeDescription(settings, store, () => ({
      tasks: this.#worker === undefined ? [] : [...parts.tasks.keys()],
      stuck: this.stuckLoops,
      stalledAt: this.#leader?.stalledAt,
      resignedAt: this.#leader?.resignedAt,
    }));
  }

  /**
   * Asks once for the lease, and starts to work under it. If it is not known whether that was granted, it can be called again.
   *
   * @throws EscapementError `NODE_DEAD` if this identity must not be used any more
   */
  async start(): Promise<void> {
    const { store, settings, events } = this.#parts;
    await store.lease.ready(store.deadline);
    this.#lease.prolonged(...(await this.#joining.ask(store, (began) => this.#join(began))));
    events.emit("nodeJoined", { node: this.id });
    this.#schedule(settings.nodeTtl / 4);
    store.on("restored", this.#beatNow);
    this.#endBeats = startBeats(
      [this.#worker?.watch, this.#leader?.watch].filter((watch) => watch !== undefined),
    );
    this.#worker?.start();
    this.#leader?.start();
  }

  /** Tells the store of tasks that were registered after the start. */
  async describe(): Promise<void> {
    if (!this.#description.hasChanged) return;
    const { store } = this.#parts;
    await repeat(store.deadline, async () => {
      await store.lease.ready(store.deadline);
      this.#lease.prolonged(...(await this.#join("again")));
    });
  }

  /** It is not started again: lets go of what it was made with. */
  async discard(): Promise<void> {
    await this.#leader?.stop();
  }

  /** Names under which the process may have joined, this one the latest. */
  get names(): readonly string[] {
    return [...this.#parts.formers, this.id].slice(-mostNames);
  }

  async stop(timeout: number): Promise<void> {
    const { store, events } = this.#parts;
    this.#stopping = true;
    await Promise.all([
      this.#leader?.stop(),
      this.#worker?.drain(timeout, () => new SchedulerStoppedError()),
    ]);
    this.#end();
    // A handler that would not end keeps its run until the lease ends: no other attempt may start beside it.
    if (this.#dead || (this.#worker?.active ?? 0) > 0) return;
    const { active, request, cancelled, ...others } = store.keys;
    const keys = {
      ...others,
      active: active(this.id),
      request: request(this.id),
      cancelled: cancelled(this.id),
    };
    // Should this not come through, the lease ends by itself.
    await leave.run(store.lease, { keys, args: { ...store.told, node: this.id } }).catch(() => undefined);
    events.emit("nodeLeft", { node: this.id });
  }

  isLeader(): boolean {
    return this.#leader?.isLeader() ?? false;
  }

  /** Whether its lease surely holds: nobody takes over what it runs. */
  get isAlive(): boolean {
    return !this.#dead && this.#lease.isHeld();
  }

  /** Loops that do not go round any more, though nobody ended them. */
  get stuckLoops(): LoopName[] {
    const loops = { worker: this.#worker, leader: this.#leader };
    return (["worker", "leader"] as const).filter((name) => loops[name]?.watch.isStuck === true);
  }

  /**
   * Over the connection of the lease: while a failover goes on another one may reach another master, which would know this node alone.
   *
   * @param began the store's time before the first request, or `again` for one that has joined
   * @returns when it was sent, on both clocks
   */
  async #join(began: number | "again"): Promise<[number, number]> {
    const { store, settings, formers } = this.#parts;
    const description = this.#description.next();
    const args = {
      ...store.told,
      node: this.id,
      ttl: settings.nodeTtl,
      info: description.text,
      ...store.founding,
      again: began === "again" ? 1 : 0,
      began: began === "again" ? 0 : began,
    };
    const input = { keys: store.keys, args, lists: { formers } };
    const sent: [number, number] = [monotonic(), wallClock()];
    await store.timed(
      () => join.run(store.lease, input, store.deadline),
      (time) => time,
    );
    description.told();
    return sent;
  }

  #schedule(ms: number): void {
    clearTimeout(this.#beat);
    if (!this.#dead) this.#beat = setTimeout(() => this.#beatNow(), ms);
  }

  readonly #beatNow = (): void => {
    this.#heartbeat().then(
      () => this.#schedule(this.#parts.settings.nodeTtl / 4),
      (error: unknown) => {
        const death = deathIn(error);
        if (death !== undefined) this.#die(death);
        else this.#schedule(jittered(this.#parts.settings.nodeTtl / 10));
      },
    );
  };

  async #heartbeat(): Promise<void> {
    const { locks } = this.#parts;
    if (this.#dead) return;
    const [sentAt, wallSentAt] = [monotonic(), wallClock()];
    const cancelled = await this.#beatOnce();
    if (this.#dead) return;
    this.#lease.prolonged(sentAt, wallSentAt);
    this.#worker?.cancel(cancelled);
    await locks?.extend(monotonic()).catch(() => undefined);
  }

  /** Answers what is to be cancelled. */
  async #beatOnce(): Promise<string[]> {
    const { store, settings } = this.#parts;
    const keys = { ...store.keys, cancelled: store.keys.cancelled(this.id) };
    const args = { node: this.id, ttl: settings.nodeTtl };
    const deadline = settings.nodeTtl / 4;
    const news = this.#description.hasChanged ? this.#description.next() : undefined;
    try {
      const input = { keys, args: { ...args, info: news?.text ?? "" } };
      const [, cancelled] = await store.timed(
        () => heartbeat.run(store.lease, input, deadline),
        ([time]) => time,
      );
      news?.told();
      return cancelled;
    } catch (error) {
      // One that only waits to report what has ended, before it stops, does not wait for longer than its lease.
      const waits = this.#stopping && !this.#worker?.active;
      if (waits || !(error instanceof EscapementError) || error.code !== "REDIS_FULL") throw error;
      const [, cancelled] = await store.timedWhenFull(
        () => heartbeatWhenFull.run(store.lease, { keys, args: { ...args, info: "" } }, deadline),
        ([time]) => time,
      );
      return cancelled;
    }
  }

  #die(reason: string): void {
    if (this.#dead) return;
    this.#dead = true;
    const { logger, events } = this.#parts;
    logger.error({ node: this.id }, `this node is dead: ${reason}; it starts over under a new identity`);
    this.#end();
    this.#worker?.abandon(new LeaseLostError());
    events.emit("nodeDead", { node: this.id });
    // It may still hold the leader's lease, under an identity that is over.
    this.#leader?.stop().catch(() => undefined);
    this.#parts.onDead();
  }

  #end(): void {
    clearTimeout(this.#beat);
    this.#endBeats?.();
    this.#lease.end();
    this.#parts.store.off("restored", this.#beatNow);
  }
}
