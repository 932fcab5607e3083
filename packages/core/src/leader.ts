import { createElector, type Elector, type Term } from "@escapement/elector";
import { EscapementError } from "@escapement/redis";
import { Aging } from "./aging.js";
import { longestSleep, monotonic } from "./clock.js";
import { tellCluster } from "./event-stream.js";
import type { Events } from "./events.js";
import { jittered } from "./id.js";
import type { Logger } from "./logger.js";
import { LoopWatch } from "./loop-watch.js";
import { Materialiser } from "./materialise.js";
import type { Settings } from "./options.js";
import { Outboxes } from "./outboxes.js";
import { Placement } from "./placement.js";
import { recoverDeadNodes } from "./recover.js";
import { hasOtherCandidates } from "./resign-leader.js";
import type { Store, WakeMessage } from "./store.js";
import { Sweeper } from "./sweep.js";
import { PauseWatch } from "./watch.js";

/**
 * The leader loop: campaigns, and while it leads writes the runs of the next fire times and takes over what dead nodes held.
 * It renews its lease only as long as the loop goes round.
 */
export class Leader {
  readonly #node: string;
  readonly #store: Store;
  readonly #settings: Settings;
  readonly #events: Events;
  readonly #logger: Logger;
  readonly #elector: Elector;
  /** Of the loop, while it leads. */
  readonly watch: LoopWatch;
  /** When its loop last stood still while it led, in ms by Redis' clock. */
  stalledAt: number | undefined;
  /** When it was last asked to let another lead, in ms by Redis' clock. */
  resignedAt: number | undefined;
  /** Where there are several partitions: who should lead this one. */
  readonly #placement: Placement | undefined;
  #open = true;
  #poke: (() => void) | undefined;
  #loop: Promise<void> = Promise.resolve();
  #nextEnd = 0; // Redis time of the next end of a lease; 0: look now
  #nextCursor = 0; // Redis time of the first fire time not materialised; 0: look now
  #watch: PauseWatch | undefined;
  #sweeper: Sweeper | undefined;
  #aging: Aging | undefined;
  #outboxes: Outboxes | undefined;
  #resigning = 0; // the term that this node has been asked to end
  #lookAgain = 0; // monotonic: a look at both whatever was published, since that may have been lost

  constructor(node: string, store: Store, settings: Settings, events: Events, logger: Logger) {
    this.#node = node;
    this.#store = store;
    this.#settings = settings;
    this.#events = events;
    this.#logger = logger;
    this.watch = new LoopWatch(settings);
    if (store.partitions > 1) this.#placement = new Placement(store, node, settings.nodeTtl);
    this.#elector = createElector({
      redis: store.lease,
      subscriber: store.subscriber,
      key: store.keys.leader,
      epochKey: store.keys.epoch,
      id: node,
      ttl: settings.leaderTtl,
      requireProgress: true,
    });
    this.#elector.on("elected", (term) => this.#onElected(term));
    this.#elector.on("lost", (reason, term) => {
      events.emit("leaderLost", { node, epoch: term.epoch, reason });
      tellCluster(store, `leaderLost ${node} ${term.epoch}`);
    });
    this.#elector.on("stalled", (reason) => {
      this.stalledAt = Math.round(store.clock.now());
      events.emit("leaderStalled", { node, reason });
    });
    this.#elector.on("failed", (error) => events.emit("error", { step: "election", error }));
  }

  start(): void {
    this.#store.on("wake", this.#onWake);
    this.#store.on("restored", this.#onRestored);
    this.#elector.campaign();
  }

  /** Resigns, so that another node leads at once. */
  async stop(): Promise<void> {
    this.#open = false;
    this.#store.off("wake", this.#onWake);
    this.#store.off("restored", this.#onRestored);
    this.#poke?.();
    await this.#loop;
    await this.#elector.close();
  }

  isLeader(): boolean {
    return this.#elector.isLeader();
  }

  readonly #onWake = (message: WakeMessage): void => {
    if (message === "nodes") this.#nextEnd = 0;
    else if ("resign" in message) this.#onAskedToResign(message.resign);
    else if ("job" in message && message.job < this.#nextCursor) this.#nextCursor = message.job;
    else return;
    this.#poke?.();
  };

  readonly #onRestored = (): void => this.#sweeper?.startOver();

  /** Only the leader of that very term is meant: whoever asks repeats himself, and what comes late is about another term. */
  #onAskedToResign(epoch: number): void {
    if (this.#elector.term()?.epoch !== epoch || this.#resigning === epoch) return;
    this.#resigning = epoch;
    const asked = hasOtherCandidates(this.#store, this.#node).then((others) => {
      if (others) this.resignedAt = Math.round(this.#store.clock.now());
      // Where nobody else could lead, this node does at once, in a new term.
      return this.#elector.resign(others ? undefined : 0);
    });
    asked.catch((error: unknown) => {
      this.#resigning = 0; // asked once more, it tries once more
      this.#events.emit("error", { step: "resign", error: error as Error });
    });
  }

  #onElected(term: Term): void {
    this.#events.emit("leaderElected", { node: this.#node, epoch: term.epoch });
    tellCluster(this.#store, `leaderElected ${this.#node} ${term.epoch}`);
    this.#nextEnd = 0;
    this.#nextCursor = 0;
    const before = this.#loop;
    // Whatever ends it, say a logger that throws: without progress the lease goes, and the next term begins anew.
    this.#loop = before
      .then(() => this.#lead(term.epoch))
      .catch((error: unknown) => this.#events.emit("error", { step: "lead", error: error as Error }))
      .finally(() => this.watch.ended());
  }

  async #lead(epoch: number): Promise<void> {
    const materialiser = new Materialiser(this.#store, this.#settings.lookahead, this.#events);
    this.#watch = new PauseWatch(this.#store, epoch, this.#events, this.#settings.pausedTooLong);
    this.#sweeper = new Sweeper(this.#store, epoch, this.#events, this.#settings.sweepEvery);
    this.#aging = new Aging(this.#store, epoch);
    this.#outboxes = new Outboxes(this.#store, this.#events);
    let failures = 0;
    this.watch.began();
    while (this.#open && this.#elector.term()?.epoch === epoch) {
      try {
        const more = await this.#round(materialiser, epoch);
        this.#elector.progress();
        this.watch.turned();
        failures = 0;
        if (!more && this.#open) await this.#sleep();
      } catch (error) {
        if (error instanceof EscapementError && error.code === "STALE_EPOCH") return;
        failures += 1;
        this.watch.turned();
        if (failures === 1)
          this.#logger.warn({ err: error, epoch }, "a step of the leader failed; it is tried again");
        this.#events.emit("error", { step: "lead", error: error as Error });
        await pause(jittered(Math.min(50 * 2 ** failures, 1000)));
      }
    }
  }

  /** Answers whether there is more to do at once. */
  async #round(materialiser: Materialiser, epoch: number): Promise<boolean> {
    const { clock } = this.#store;
    let more = false;
    if (monotonic() >= this.#lookAgain) {
      this.#lookAgain = monotonic() + this.#settings.pollEvery;
      this.#nextCursor = 0;
      this.#nextEnd = 0;
    }
    if (this.#nextEnd < clock.now()) {
      this.#nextEnd = Number.MAX_SAFE_INTEGER; // a node that leaves meanwhile lowers it again
      const { more: left, nextEnd } = await recoverDeadNodes(this.#store, epoch, this.#events).catch(
        (error: unknown) => {
          this.#nextEnd = 0;
          throw error;
        },
      );
      this.#nextEnd = left ? 0 : Math.min(this.#nextEnd, (nextEnd ?? Number.MAX_SAFE_INTEGER) + 1);
      more = left;
    }
    if (await this.#watch?.look()) more = true;
    if (!more) await this.#sweeper?.look();
    await this.#aging?.look();
    await this.#makeWay();
    await this.#outboxes?.look();
    if (this.#nextCursor <= clock.now() + (2 * this.#settings.lookahead) / 3) {
      this.#nextCursor = Number.MAX_SAFE_INTEGER; // a job that is defined meanwhile lowers it again
      const {
        more: left,
        runs,
        nextCursor,
      } = await materialiser.round(epoch).catch((error: unknown) => {
        this.#nextCursor = 0;
        throw error;
      });
      this.#nextCursor = left ? 0 : Math.min(this.#nextCursor, nextCursor ?? Number.MAX_SAFE_INTEGER);
      if (left && runs === 0) await pause(20); // others change the same jobs at present
      more ||= left;
    }
    return more;
  }

  /** Lets the node lead that should lead this partition. */
  async #makeWay(): Promise<void> {
    const successor = await this.#placement?.look();
    if (successor !== undefined) await this.#elector.resign(this.#settings.leaderTtl, successor);
  }

  async #sleep(): Promise<void> {
    const { clock } = this.#store;
    const cursor = this.#nextCursor - (2 * this.#settings.lookahead) / 3;
    const at = Math.min(
      clock.reaches(Math.min(this.#nextEnd, cursor)),
      this.#watch?.nextLook ?? 0,
      this.#sweeper?.nextLook ?? 0,
      this.#aging?.nextLook ?? 0,
      this.#placement?.nextLook ?? Number.POSITIVE_INFINITY,
      this.#outboxes?.nextLook ?? 0,
    );
    const ms = Math.min(Math.max(Math.ceil(at - monotonic()), 1), this.#settings.leaderTtl / 3, longestSleep);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#poke = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#poke = undefined;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
