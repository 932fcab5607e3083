import { EventEmitter } from "node:events";
import { EscapementError } from "@escapement/redis";
import { Connection, connect, reconnectDelay } from "@escapement/redis/internal";
import { now } from "./clock.js";
import type { ElectorEvents, LostReason, Term } from "./events.js";
import { Lease } from "./lease.js";
import { checkHashTags, type ElectorOptions, type Settings, settingsOf } from "./options.js";
import { Pause } from "./pause.js";
import { listenForResignations, resignation } from "./resignations.js";
import { acquire, type LeaseKeys } from "./scripts/acquire.js";
import { renew } from "./scripts/renew.js";
import { resign } from "./scripts/resign.js";

/** One candidate for leadership. See {@link createElector}. */
export interface Elector extends EventEmitter<ElectorEvents> {
  /** Who this is in the lease's key. */
  readonly id: string;
  /**
   * Takes part in elections until `close()`; again and again, whatever fails.
   *
   * @throws EscapementError `ELECTOR_CLOSED`
   */
  campaign(): void;
  /** Whether this process leads at this very moment. Reads the clocks, so ask right before acting. */
  isLeader(): boolean;
  /** The present term, or undefined if this process does not lead at this moment. */
  term(): Term | undefined;
  /** Says that the leader's work goes on; needed with `requireProgress`. */
  progress(): void;
  /**
   * Gives leadership up, and takes part again after a while or when another one resigns. Never rejects: without Redis the lease ends by
   * itself.
   *
   * @param standBack milliseconds for which the others go first; 0 where there are none. One `ttl` if left out
   * @param successor the id of who should lead next: it tries at once, the others a quarter of `ttl` later. Nobody in particular if left out
   */
  resign(standBack?: number, successor?: string): Promise<void>;
  /** Resigns, ends the campaign and closes what was opened. Never rejects. */
  close(): Promise<void>;
  /** The same as `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Creates a candidate for the leadership of `key`. Nothing happens before `campaign()`, but connections are opened.
 *
 * @throws EscapementError `INVALID_OPTION`, `INVALID_REDIS_URL`
 */
export function createElector(options: ElectorOptions): Elector {
  return new LeaseElector(options);
}

class LeaseElector extends EventEmitter<ElectorEvents> implements Elector {
  readonly #settings: Settings;
  readonly #keys: LeaseKeys;
  readonly #connection: Connection;
  readonly #pause = new Pause();
  readonly #cleanUp: (() => void)[] = [];
  #lease: Lease | undefined;
  /** Epoch of the last term that is over here. */
  #ended = 0;
  /** The highest epoch that was heard of, anybody's. */
  #seen = 0;
  #renewAt = 0;
  #progressAt = 0;
  #standBackUntil = 0;
  #stalls = 0;
  #expiry: NodeJS.Timeout | undefined;
  #campaigning: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ElectorOptions) {
    super();
    this.#settings = settingsOf(options);
    const { key, epochKey, deadline, channel } = this.#settings;
    this.#keys = { lease: key, epoch: epochKey };
    this.#connection =
      options.redis instanceof Connection
        ? options.redis
        : connect(options.redis, { profile: "lease", deadline, key });
    if (this.#connection !== options.redis) this.#cleanUp.push(() => this.#connection.close());
    const subscriber =
      options.subscriber ?? connect(this.#connection.client, { profile: "subscriber", deadline, key });
    if (subscriber !== options.subscriber) {
      subscriber.checkWith(this.#connection);
      this.#cleanUp.push(() => subscriber.close());
    }
    this.#cleanUp.push(
      listenForResignations(subscriber, channel, (...heard) => this.#onResignation(...heard)),
    );
    const wake = (): void => this.#pause.wake();
    this.#connection.on("restored", wake);
    this.#cleanUp.push(() => this.#connection.off("restored", wake));
    if (this.#connection.isCluster) this.#refuseUnless(checkHashTags);
  }

  get id(): string {
    return this.#settings.id;
  }

  campaign(): void {
    if (this.#closing !== undefined) {
      throw new EscapementError("ELECTOR_CLOSED", "This elector has been closed. Create a new one.");
    }
    this.#campaigning ??= this.#campaign();
  }

  isLeader(): boolean {
    return this.#lease?.isValid(now(this.#settings.clock)) ?? false;
  }

  term(): Term | undefined {
    return this.#lease !== undefined && this.isLeader() ? termOf(this.#lease) : undefined;
  }

  progress(): void {
    this.#progressAt = this.#settings.clock.monotonic();
    this.#stalls = 0;
  }

  async resign(standBack: number = this.#settings.ttl, successor = ""): Promise<void> {
    this.#standBackFor(standBack);
    await this.#giveUp("resigned", successor);
    this.#pause.wake(); // what the campaign sleeps for is over
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    // Let `#closing` be set before anything looks at it.
    await Promise.resolve();
    this.#pause.wake();
    await this.#giveUp("closed");
    await this.#campaigning;
    for (const clean of this.#cleanUp.reverse()) clean();
  }

  /** Each round says for how long to wait until the next; a failed one is repeated after a while. */
  async #campaign(): Promise<void> {
    let failures = 0;
    while (this.#closing === undefined) {
      let wait: number;
      try {
        wait = await (this.#lease === undefined ? this.#tryToLead() : this.#keepLeading(this.#lease));
        failures = 0;
      } catch (error) {
        failures += 1;
        wait = Math.min(
          reconnectDelay(failures, () => this.#settings.clock.random()),
          this.#settings.renewEvery,
        );
        this.#report(error);
      }
      if (this.#closing === undefined) await this.#pause.wait(wait);
    }
  }

  async #tryToLead(): Promise<number> {
    const { id, ttl, margin, deadline, retryEvery, clock } = this.#settings;
    const standBack = this.#standBackUntil - clock.monotonic();
    if (standBack > 0) return standBack;
    await this.#connection.ready(deadline);
    const sent = now(clock);
    const input = { id, ttl, ended: this.#ended, seen: this.#seen };
    const answer = await acquire(this.#connection, this.#keys, input, deadline);
    this.#seen = Math.max(this.#seen, answer.epoch);
    if (!answer.acquired) return Math.min(answer.freeIn, retryEvery) + 1 + (clock.random() * ttl) / 20;
    const lease = new Lease(answer.epoch, sent, ttl - margin);
    if (this.#closing !== undefined || clock.monotonic() < this.#standBackUntil) {
      // Resigned or closed while the request was under way.
      await this.#handBack(lease.epoch);
    } else if (lease.isValid(now(clock))) {
      this.#progressAt = clock.monotonic();
      this.#hold(lease, sent.monotonic);
      this.#tell("elected", termOf(lease));
    } else {
      // The reply came so late that this term was over before it began.
      this.#ended = lease.epoch;
    }
    return 0;
  }

  async #keepLeading(lease: Lease): Promise<number> {
    const { id, ttl, deadline, clock } = this.#settings;
    const sent = now(clock);
    if (!lease.isValid(sent)) return this.#lose(lease, "expired");
    if (sent.monotonic < this.#renewAt) return this.#renewAt - sent.monotonic;
    if (this.#isStalled(sent.monotonic)) return this.#stall();
    const renewed = await renew(this.#connection, this.#keys, { id, ttl, epoch: lease.epoch }, deadline);
    if (!renewed) return this.#lose(lease, "refused");
    // A lease that ended while the reply was on its way stays ended.
    if (!lease.isValid(now(clock))) return this.#lose(lease, "expired");
    if (this.#lease === lease) this.#hold(lease.renewed(sent), sent.monotonic);
    return 0;
  }

  #isStalled(time: number): boolean {
    return this.#settings.requireProgress && time - this.#progressAt > this.#settings.stallAfter;
  }

  /** Leaves leadership to others, for longer each time that it stalls again. */
  async #stall(): Promise<number> {
    const { ttl, stallAfter, clock } = this.#settings;
    const silentFor = Math.round(clock.monotonic() - this.#progressAt);
    this.#standBackFor(ttl * 2 ** Math.min(this.#stalls, 5));
    this.#stalls += 1;
    const handedBack = this.#giveUp("stalled");
    this.#tell(
      "stalled",
      `The leader made no progress for ${silentFor} ms (${stallAfter} ms are allowed) and gives its lease up.`,
      silentFor,
    );
    await handedBack;
    return 0;
  }

  #hold(lease: Lease, sentAt: number): void {
    this.#lease = lease;
    this.#renewAt = sentAt + this.#settings.renewEvery;
    this.#watch(lease);
  }

  /** Sees to it that the end of the lease is announced even while a request hangs. */
  #watch(lease: Lease): void {
    clearTimeout(this.#expiry);
    const { clock } = this.#settings;
    const left = Math.max(1, Math.ceil(lease.validUntil - clock.monotonic()));
    this.#expiry = setTimeout(() => {
      if (this.#lease !== lease) return;
      if (lease.isValid(now(clock))) this.#watch(lease);
      else {
        this.#lose(lease, "expired");
        this.#pause.wake();
      }
    }, left).unref();
  }

  /** Ends the term here, if it has not ended yet. Returns 0, for a next round at once. */
  #lose(lease: Lease, reason: LostReason): 0 {
    if (this.#lease?.epoch !== lease.epoch) return 0;
    this.#lease = undefined;
    this.#ended = lease.epoch;
    clearTimeout(this.#expiry);
    this.#tell("lost", reason, termOf(lease));
    return 0;
  }

  /** Ends the term here, then in Redis. */
  async #giveUp(reason: LostReason, successor = ""): Promise<void> {
    const lease = this.#lease;
    if (lease === undefined) return;
    this.#lose(lease, reason);
    await this.#handBack(lease.epoch, successor);
  }

  async #handBack(epoch: number, successor = ""): Promise<void> {
    const { id, channel, deadline } = this.#settings;
    this.#ended = Math.max(this.#ended, epoch);
    const input = { id, epoch, channel, message: resignation(id, successor) };
    await resign(this.#connection, this.#keys, input, deadline).catch((error: unknown) =>
      this.#report(error),
    );
  }

  #standBackFor(ms: number): void {
    this.#standBackUntil = this.#settings.clock.monotonic() + ms;
  }

  #onResignation(who: string | undefined, successor: string | undefined): void {
    if (who === this.id) return;
    const mayTry = successor === undefined || successor === this.id;
    if (who !== undefined && mayTry) this.#standBackUntil = 0;
    else if (!mayTry)
      this.#standBackUntil = Math.max(
        this.#standBackUntil,
        this.#settings.clock.monotonic() + this.#settings.ttl / 4,
      );
    this.#pause.wake();
  }

  #tell<E extends "elected" | "lost" | "stalled">(event: E, ...args: ElectorEvents[E]): void {
    try {
      (this as EventEmitter).emit(event, ...args);
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    if (this.listenerCount("failed") === 0) return;
    try {
      this.emit("failed", error instanceof Error ? error : new Error(String(error)));
    } catch {
      // A listener for failures that throws: there is nobody left to tell.
    }
  }

  #refuseUnless(check: (settings: Settings) => void): void {
    try {
      check(this.#settings);
    } catch (error) {
      for (const clean of this.#cleanUp.reverse()) clean();
      throw error;
    }
  }
}

function termOf({ epoch, validUntil }: Lease): Term {
  return { epoch, validUntil };
}
