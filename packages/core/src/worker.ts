import { setTimeout as pause } from "node:timers/promises";
import { type Complete, tellEnd, tellRefused } from "./attempts.js";
import { Backlog } from "./backlog.js";
import {
  type ClaimAnswer,
  type ClaimRequest,
  completeAndClaim,
  maxCompletions,
  tellPassed,
} from "./claim.js";
import { longestSleep, monotonic, nextTurn } from "./clock.js";
import { type Ended, Finished } from "./finished.js";
import { HeldRuns } from "./held-runs.js";
import { jittered } from "./id.js";
import { LoopWatch } from "./loop-watch.js";
import { Nap } from "./nap.js";
import { reconcileHeld } from "./reconcile.js";
import { bulk, type Exchange, type RequestLine, RequestLines } from "./request-line.js";
import type { Sharer } from "./slots.js";
import type { WakeMessage } from "./store.js";
import { Offer } from "./task.js";
import { deathIn, untilAnswered } from "./until-answered.js";
import type { WorkerParts } from "./worker-parts.js";

/**
 * The worker loop: claims what is due, runs it, and completes it with the next claim. A request is repeated until it is answered, which its
 * number makes harmless. While one is under way, another one of the other line may be, so that Redis need not wait for this process.
 */
export class Worker {
  readonly #parts: WorkerParts;
  readonly #held: HeldRuns;
  readonly #offer: Offer;
  readonly #finished = new Finished();
  readonly #lines = new RequestLines();
  readonly #nap = new Nap();
  #failed: { readonly error: unknown } | undefined; // what a request ended by
  readonly #backlog = new Backlog();
  #toBegin = 0; // runs that were claimed and are to be begun next
  #noneAhead = false; // what is due is nothing that may wait for a slot here; until one is free nobody asks again
  #abandoned = false;
  #reconcileAt: number; // monotonic
  #number = 0;
  #nextDue = 0; // Redis time in ms: there may be something at once
  #claiming = true;
  #open = true;
  #isBackingOff = false; // after an error
  #pollAt = 0; // monotonic: it is asked then, whatever was heard
  #hold = 0; // monotonic: no claims before, since voters could not be asked
  #giveUpAt = Number.POSITIVE_INFINITY; // monotonic: whoever stops does not wait for ever for Redis to take what has ended
  #loop: Promise<void> = Promise.resolve();
  /** Of the loop. */
  readonly watch: LoopWatch;
  readonly #sharer: Sharer = {
    taken: () => this.#held.unbegun + this.#toBegin + this.#lines.kept(monotonic()),
    wants: () =>
      this.#claiming && !this.#isBackingOff && this.#isTimeToClaim() && !this.#lines.isLate(monotonic()),
    freed: () => this.#nap.end(),
  };

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    this.watch = new LoopWatch(parts.settings);
    this.#offer = new Offer(parts.settings, parts.tasks);
    this.#held = new HeldRuns(parts, {
      isClaiming: () => this.#claiming,
      isAbandoned: () => this.#abandoned,
      complete: (...args) => this.#complete(...args),
      lookAgain: () => {
        this.#nextDue = 0;
      },
      holdOff: () => this.#holdOff(),
    });
    this.#reconcileAt = monotonic() + parts.settings.nodeTtl;
  }

  start(): void {
    this.#parts.slots.join(this.#sharer);
    this.#parts.store.on("wake", this.#onWake);
    this.#parts.store.on("restored", this.#onRestored);
    this.#loop = this.#keepWorking();
  }

  /** Stops claiming, waits for handlers up to `timeout` ms, aborts the rest, hands back what did not start, reports what ended. */
  async drain(timeout: number, reason: () => Error): Promise<void> {
    this.#claiming = false;
    await this.#held.ended(timeout, reason);
    this.#giveUpAt = monotonic() + this.#parts.settings.nodeTtl;
    this.#open = false;
    this.#nap.end();
    await this.#loop;
    await this.#held.logs.flush(); // of handlers that would not end
    this.#detach();
  }

  /** The node is dead: its handlers are told to stop, and nothing that they say is reported any more. */
  abandon(reason: Error): void {
    this.#open = false;
    this.#claiming = false;
    this.#abandoned = true;
    for (const { claimed } of this.#finished.take(Number.POSITIVE_INFINITY).completed)
      tellRefused(this.#parts, claimed);
    this.#held.abort(reason);
    this.#nap.end();
    this.#detach();
  }

  /** Aborts runs; one and why, in turn. A run that is not held here any more has ended. */
  cancel(runs: readonly string[]): void {
    this.#held.cancel(runs);
  }

  /** Runs held. */
  get active(): number {
    return this.#held.size;
  }

  #detach(): void {
    this.#parts.slots.leave(this.#sharer);
    this.#held.logs.close();
    this.#parts.store.off("wake", this.#onWake);
    this.#parts.store.off("restored", this.#onRestored);
  }

  readonly #onWake = (message: WakeMessage): void => {
    if (message === "nodes") return;
    if ("cancelOn" in message && message.cancelOn === this.#parts.node) this.#held.readCancelled();
    if (!("run" in message)) return;
    if (this.#nextDue <= message.run) return;
    this.#nextDue = message.run;
    this.#nap.end();
  };

  readonly #onRestored = (): void => {
    this.#nextDue = 0;
    this.#reconcileAt = 0;
    this.#nap.end();
  };

  /** A loop that breaks, say by a logger that throws, begins anew (W3). */
  async #keepWorking(): Promise<void> {
    this.watch.began();
    for (let breaks = 0, ended = false; !ended && (this.#open || breaks < 5); ) {
      try {
        await this.#work();
        ended = true;
      } catch (error) {
        breaks += 1;
        this.#parts.events.emit("error", { step: "claim", error: error as Error });
        await pause(jittered(500));
      }
    }
    this.watch.ended();
  }

  async #work(): Promise<void> {
    let failures = 0;
    while (this.#open || this.#finished.size > 0 || this.#lines.isBusy || this.#held.isReturning) {
      this.watch.turned();
      try {
        await this.#sleep();
        // Handlers that end in the same turn are completed in one request.
        await nextTurn();
        if (this.#failed !== undefined) throw this.#failed.error;
        if (monotonic() >= this.#reconcileAt && !this.#lines.isBusy) await this.#reconcile();
        this.#held.beginNext(); // another partition may have left slots
        const line = this.#lines.free;
        if (line !== undefined && this.#isDue()) void this.#exchange(line);
        failures = 0;
      } catch (error) {
        this.#failed = undefined;
        const death = deathIn(error);
        if (death !== undefined) return this.#parts.onDead(death);
        failures += 1;
        this.#parts.events.emit("error", { step: "claim", error: error as Error });
        if (failures === 1) this.#parts.logger.warn({ err: error }, "claiming failed; it is tried again");
        if (!this.#open && (failures > 5 || this.#parts.isOver())) return;
        await this.#backOff(jittered(Math.min(50 * 2 ** failures, 1000)));
      }
    }
  }

  async #backOff(ms: number): Promise<void> {
    this.#isBackingOff = true;
    this.#parts.slots.freed(this.#sharer);
    await pause(ms);
    this.#isBackingOff = false;
  }

  /** Whether the store has gone back in time shows in what it says that this node holds. */
  async #reconcile(): Promise<void> {
    const { store, node, settings, events } = this.#parts;
    const held = [...this.#held.list(), ...this.#finished.held()];
    // One that fails is repeated well before a lease is over: so long do others wait with what this node may still run.
    this.#reconcileAt = monotonic() + settings.nodeTtl / 10;
    this.#held.lose(await reconcileHeld(store, node, this.#number, held, events));
    this.#reconcileAt = monotonic() + settings.nodeTtl;
  }

  /** Until something has ended, something is due, or somebody says so. */
  async #sleep(): Promise<void> {
    if (this.#nap.takeWord() || (this.#isDue() && this.#lines.free !== undefined)) return;
    const { store, settings, slots } = this.#parts;
    const claimAt = Math.max(Math.min(store.clock.reaches(this.#nextDue), this.#pollAt), this.#hold);
    // Slots that others have may be free by then; from then on they say so.
    const mayBeFree = this.#claiming && slots.isShared && claimAt > monotonic();
    const due = mayBeFree || this.#canClaim(true) ? claimAt : Number.POSITIVE_INFINITY;
    // What is under way says when it is answered; what ends meanwhile does not wait for that.
    const soonest = this.#lines.isBusy ? this.#reportAt : Math.min(due, this.#reconcileAt);
    const ms = Math.min(Math.max(Math.ceil(soonest - monotonic()), 1), settings.pollEvery, longestSleep);
    await this.#nap.take(ms);
    // The slow poll: what was published may have been lost.
    if (monotonic() >= this.#pollAt) this.#nextDue = 0;
  }

  /**
   * How many more runs this node could take at once, and how many of these would wait for a slot; none of those where they would hold a place
   * meanwhile.
   */
  #room(): { readonly slots: number; readonly ahead: number } {
    const { limits, rates } = this.#offer.now;
    const mayWait = !this.#noneAhead && limits.length === 0 && rates.length === 0;
    const { most, left, free } = this.#held.room(mayWait);
    const { all, forSlots } = this.#lines.asked;
    const others = this.#parts.slots.takenBesides(this.#sharer);
    const share = this.#parts.slots.shareOf(this.#sharer, left - this.#toBegin - all - others);
    // Half of all at most, so that there is something to do while the other half is under way.
    const slots = Math.max(0, Math.min(share, Math.ceil(most / 2), 1000));
    return { slots, ahead: slots - Math.min(slots, Math.max(0, free - this.#toBegin - forSlots - others)) };
  }

  #canClaim(whileHeld = false): boolean {
    if (!this.#claiming || this.#room().slots === 0) return false;
    return whileHeld || monotonic() >= this.#hold;
  }

  /** Whether there is something to ask for; while a request is under way, whether it is worth another one. */
  #isDue(): boolean {
    // No more of them, so that what this node holds can be compared with what the store says.
    if (monotonic() >= this.#reconcileAt) return false;
    const { underWay } = this.#lines;
    if (underWay === "all") return false;
    if (underWay > 0)
      return (
        this.#finished.size >= bulk ||
        monotonic() >= this.#reportAt ||
        (this.#backlog.isDeep && this.#canClaim() && this.#room().slots >= bulk)
      );
    if (this.#finished.size > 0) return true;
    return this.#isTimeToClaim() && this.#canClaim();
  }

  /** When what has ended is to go by the line that is free, though a request is under way. */
  get #reportAt(): number {
    const mayGo = this.#lines.free !== undefined && monotonic() < this.#reconcileAt;
    if (!mayGo || this.#backlog.goesBefore(this.#finished.size)) return Number.POSITIVE_INFINITY;
    return this.#finished.dueAt;
  }

  #isTimeToClaim(): boolean {
    const now = monotonic();
    return (
      now >= this.#hold && now < this.#reconcileAt && this.#parts.store.clock.reaches(this.#nextDue) <= now
    );
  }

  /**
   * What has ended goes, what is due comes. While there is more of either, the next request is on its way before what the last one brought is
   * begun: Redis and this process work at the same time.
   */
  async #exchange(line: RequestLine): Promise<void> {
    line.isBusy = true;
    try {
      line.underWay = this.#send(line);
      while (line.underWay !== undefined) {
        const { completed, slots, ahead, sentAt, answered } = line.underWay;
        let answer: ClaimAnswer;
        try {
          answer = await answered;
        } finally {
          line.underWay = undefined; // in the same step in which what it brought is counted
        }
        this.watch.turned();
        const { claimed, wanted } = answer;
        if (claimed.length > 0) this.#held.learnRequest(monotonic() - sentAt);
        if (wanted !== undefined) this.#parts.lender?.see(this.#parts.store.partition, wanted);
        if (slots > 0) this.#backlog.learn(answer.more || claimed.length >= slots - ahead);
        this.#nextDue =
          slots > 0 && this.#backlog.isDeep ? 0 : Math.min(this.#nextDue, answer.nextDue ?? this.#nextDue);
        this.#noneAhead = ahead > 0 && claimed.length < slots;
        try {
          this.#tell(completed, answer);
          this.#toBegin += claimed.length;
          if (claimed.length > 0 && this.#open && this.#isDue()) line.underWay = this.#send(line);
        } finally {
          // Whatever a listener or a logger does: these are this node's now.
          this.#toBegin -= claimed.length;
          if (claimed.length < slots) this.#parts.slots.freed(this.#sharer);
          await this.#held.begin(claimed);
        }
      }
    } catch (error) {
      this.#failed ??= { error };
    } finally {
      line.isBusy = false;
      this.#nap.end();
    }
  }

  /** One request; `undefined` if there is nothing to ask for. */
  #send({ name }: RequestLine): Exchange | undefined {
    const { node, settings, locks } = this.#parts;
    const mayClaim = this.#canClaim() && this.#mayStart();
    if (this.#finished.size === 0 && !mayClaim) return undefined;
    const { slots, ahead } = mayClaim ? this.#room() : { slots: 0, ahead: 0 };
    const reported = slots >= bulk && this.#backlog.goesBefore(this.#finished.size) ? 0 : maxCompletions;
    const { completions, completed } = this.#finished.take(reported);
    this.#number += 1;
    // Without a claim, what was due stays so. A wake message that comes meanwhile lowers it again.
    if (mayClaim) {
      this.#parts.slots.served(this.#sharer);
      this.#nextDue = Number.MAX_SAFE_INTEGER;
      this.#pollAt = monotonic() + settings.pollEvery;
    }
    const { lanes, limits, rates } = this.#offer.now;
    const answered = this.#untilAnswered({
      node,
      line: name,
      number: this.#number,
      slots: slots - ahead,
      ahead,
      completions,
      lanes,
      limits,
      rates,
      lockTtl: locks === undefined ? settings.lockTtl : 0,
      leaseTtl: settings.nodeTtl,
    }).catch((error: unknown) => {
      // Only a dead node gives up: what it had to say is not taken any more.
      for (const { claimed } of completed) tellRefused(this.#parts, claimed);
      throw error;
    });
    answered.catch(() => undefined); // it is waited for later
    if (slots > 0) this.#parts.slots.keptUntil(this.#sharer, answered);
    return { completed, slots, ahead, sentAt: monotonic(), answered };
  }

  #untilAnswered(request: ClaimRequest): Promise<ClaimAnswer> {
    const { store, events, logger, isOver } = this.#parts;
    return untilAnswered({
      send: () => {
        this.watch.turned();
        if (request.completions.length > 0) this.#held.logs.flushEnded();
        return completeAndClaim(store, request);
      },
      endedBy: () => {
        if (isOver()) return "the lease was not prolonged in time";
        return monotonic() >= this.#giveUpAt ? "it stops, and Redis did not take what had ended" : undefined;
      },
      onFailure: (error, isFirst) => {
        events.emit("error", { step: "claim", error });
        if (isFirst) logger.warn({ err: error }, "claiming failed; the request is repeated");
      },
    });
  }

  /** Whether what is claimed could start: not where too few voters answer, the process is drained, nor where the lease may have ended, until a heartbeat shows that it has not. */
  #mayStart(): boolean {
    const { locks, gate } = this.#parts;
    if (gate?.mayClaim() !== false && this.#parts.isAlive() && locks?.hasQuorum !== false) return true;
    this.#holdOff();
    return false;
  }

  #holdOff(): void {
    this.#hold = monotonic() + jittered(500);
    this.#parts.slots.freed(this.#sharer);
  }

  #tell(completed: readonly Ended[], { accepted, passed }: ClaimAnswer): void {
    for (const [index, { claimed, end }] of completed.entries()) {
      if (!accepted[index]) tellRefused(this.#parts, claimed);
      else tellEnd(this.#parts, claimed, end);
    }
    tellPassed(this.#parts.events, passed);
  }

  readonly #complete: Complete = (claimed, outcome, detail, result, end) => {
    if (this.#abandoned) {
      tellRefused(this.#parts, claimed);
      this.#parts.slots.freed();
      return;
    }
    this.#noneAhead = false;
    const completion = { run: claimed.run, token: claimed.token, outcome, detail, result };
    const count = this.#finished.add(completion, { claimed, end });
    if (!this.#lines.isBusy || count === 1 || count >= bulk) this.#nap.end();
    this.#parts.slots.freed(this.#sharer);
    this.#held.beginNext();
  };
}
