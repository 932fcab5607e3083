import { assertUsable, checkServer, EscapementError } from "@escapement/redis";
import { checkEncryption } from "@escapement/redis/internal";
import { catchCrashes } from "./crash.js";
import type { Events } from "./events.js";
import { type Health, judgeHealth } from "./health.js";
import { RunLocks } from "./lock.js";
import { Membership } from "./membership.js";
import type { Node } from "./node.js";
import { type Settings, storeVotes } from "./options.js";
import type { Shared } from "./shared.js";
import type { Store } from "./store.js";

/** A scheduler's life in one partition: a client at first, from its start on a node, until it is stopped. */
export class Lifetime {
  readonly #settings: Settings;
  readonly #store: Store;
  readonly #events: Events;
  readonly #shared: Shared;
  #locks: RunLocks | undefined;
  #member: Membership | undefined;
  #state: "open" | "stopping" | "stopped" = "open";
  #listening = false;
  #started: Promise<void> | undefined;
  #releaseCrashes: (() => void) | undefined;

  constructor(settings: Settings, store: Store, events: Events, shared: Shared) {
    this.#settings = settings;
    this.#store = store;
    this.#events = events;
    this.#shared = shared;
  }

  /** The identity that it has now, or had last; `undefined` for a client. */
  get node(): Node | undefined {
    return this.#member?.node;
  }

  /** See `Scheduler.health`. */
  health(): Health {
    const { node } = this;
    return judgeHealth({
      state: this.#state === "open" && node === undefined ? "client" : this.#state,
      connected: this.#store.isConnected,
      refusal: this.#store.refusal,
      joined: node?.isAlive ?? false,
      votersLost: this.#locks?.hasQuorum === false,
      stuck: node?.stuckLoops ?? [],
    });
  }

  /** See `Scheduler.start`. */
  async start(): Promise<void> {
    this.assertOpen();
    this.#started ??= this.#start();
    return this.#started;
  }

  async #start(): Promise<void> {
    try {
      await this.#store.commands.ready();
      const results = await checkServer(this.#store.commands, {
        allowEviction: this.#settings.allowEviction,
      });
      assertUsable(results);
      const voters = this.#settings.voters.flatMap((voter, index) =>
        checkEncryption(voter, `The connection to voter-${index + 1}`),
      );
      for (const { check, level, message } of [...results, ...voters])
        if (level === "warning") this.#settings.logger.warn({ check }, message);
      await this.#store.lease.ready(this.#store.deadline);
      await this.#store.now();
      this.openLocks();
      this.#listen();
      if (this.#settings.catchCrashes) this.#releaseCrashes ??= catchCrashes();
      this.#member ??= this.#newMember();
      await this.#member.join();
    } catch (error) {
      this.#started = undefined; // it can be tried again
      throw error;
    }
  }

  /** The first half of stopping: it claims nothing more, and what runs has ended, or is left. Its handlers may still read and write. */
  async drain(timeout: number): Promise<void> {
    this.#state = "stopping";
    await this.#started?.catch(() => undefined);
    await this.#member?.stop(timeout);
  }

  /** The other half. @param calls that were made before: what they are to write is written */
  async close(calls: () => readonly Promise<unknown>[]): Promise<void> {
    this.#releaseCrashes?.();
    await this.#locks?.close();
    // Where Redis does not answer, nobody waits for ever: each such call has a deadline.
    await Promise.allSettled(calls());
    this.#store.close();
    this.#state = "stopped";
  }

  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    this.#store.listen();
    this.#store.on("lost", () => this.#events.emit("storeLost", { node: this.node?.id ?? "-" }));
    this.#store.on("restored", () => this.#events.emit("storeRestored", { node: this.node?.id ?? "-" }));
  }

  #newMember(): Membership {
    return new Membership({
      store: this.#store,
      settings: this.#settings,
      locks: this.#locks,
      events: this.#events,
      logger: this.#settings.logger,
      tasks: this.#shared.tasks,
      slots: this.#shared.slots,
      lender: this.#shared.lender,
      names: this.#shared.names,
      seenPauses: this.#shared.seenPauses,
    });
  }

  /** Opens the connections to voters, where there are some, that a look at them needs as well. */
  openLocks(): RunLocks | undefined {
    const { voters, lockTtl } = this.#settings;
    if (!storeVotes(this.#settings)) this.#locks ??= new RunLocks(this.#store, voters, lockTtl, this.#events);
    return this.#locks;
  }

  /** Handlers may use it to their end while it is stopping. @throws EscapementError `SCHEDULER_STOPPED` once it has been */
  assertUsable(): void {
    if (this.#state !== "stopped") return;
    throw new EscapementError("SCHEDULER_STOPPED", "This scheduler has been stopped. Create another.");
  }

  /** @throws EscapementError `SCHEDULER_STOPPED` once it is being stopped */
  assertOpen(): void {
    if (this.#state === "stopping")
      throw new EscapementError("SCHEDULER_STOPPED", "This scheduler is being stopped. Create another.");
    this.assertUsable();
  }
}
