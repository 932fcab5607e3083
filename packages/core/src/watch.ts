import { monotonic } from "./clock.js";
import type { Events } from "./events.js";
import { type PassOver, passOverPage } from "./pass-over.js";
import { PauseMirror } from "./pause-mirror.js";
import { parsePause } from "./read-pauses.js";
import { watch } from "./scripts/index.js";
import type { Store } from "./store.js";

/** Milliseconds between two looks: within twice that what was paused goes on. */
const every = 400;
/** The same as long as no pause has been noticed: the next one may be, and be over, at once. */
const everyOfNone = 800;
/** Milliseconds between two looks at how long pauses have lasted. */
const everyLong = 30_000;
/** How many pauses one look is at: of more, each is looked at in its turn. */
const page = 5000;
const batch = 500;

/**
 * The leader's look at the pauses that have been noticed: whoever deletes a pause's key need not tell anybody, and one that expires cannot. Says
 * of one that lasts too long that it does.
 */
export class PauseWatch {
  readonly #store: Store;
  readonly #epoch: number;
  readonly #events: Events;
  readonly #tooLong: number;
  /** Of a further partition. */
  readonly #mirror: PauseMirror | undefined;
  #cursor = "0";
  /** Whether this round of looks, until all have been looked at, is also at how long they have lasted. */
  #long = true;
  #nextLong = monotonic() + everyLong;
  /** Pauses that are over, under which fire times are to be passed over before what they held back goes on. */
  #over: readonly string[] = [];
  #passing: { readonly how: PassOver; readonly cursor: string } | undefined;
  /** Monotonic time of the next look. */
  nextLook = 0;

  constructor(store: Store, epoch: number, events: Events, tooLong: number) {
    this.#store = store;
    this.#epoch = epoch;
    this.#events = events;
    this.#tooLong = tooLong;
    this.#mirror = store === store.home ? undefined : new PauseMirror(store, epoch, events);
  }

  /**
   * Looks, if it is time to. Answers whether there is more to let go at once.
   *
   * @throws EscapementError `STALE_EPOCH` if there is a later leader
   */
  async look(): Promise<boolean> {
    if (monotonic() < this.nextLook) return false;
    if (await this.#passOver()) return true;
    this.nextLook = monotonic() + every; // also if it fails: what else the leader does must not wait for it
    await this.#mirror?.look();
    const { prefix: _, ...keys } = this.#store.keys;
    const args = {
      ...this.#store.told,
      ...{ epoch: this.#epoch, cursor: this.#cursor, page, batch },
      // How long a pause lasts is said once, where it is set.
      too_long: this.#long && this.#mirror === undefined ? this.#tooLong : "",
    };
    const [, cursor, more, announced, over, any] = await this.#store.timed(
      () => watch.run(this.#store.lease, { keys, args }),
      ([time]) => time,
    );
    this.#cursor = cursor;
    for (const line of announced) this.#events.emit("pausedTooLong", parsePause(line));
    this.#over = over;
    if (cursor === "0") this.#nextRound();
    const isMore = more === 1 || over.length > 0;
    this.nextLook = monotonic() + (isMore ? 0 : any === 1 ? every : everyOfNone);
    return isMore;
  }

  #nextRound(): void {
    this.#long = monotonic() >= this.#nextLong;
    if (this.#long) this.#nextLong = monotonic() + Math.min(everyLong, this.#tooLong / 4);
  }

  /** A page of the jobs that go on from now when one of those pauses is over. Answers whether there was something to do. */
  async #passOver(): Promise<boolean> {
    const [name, ...others] = this.#over;
    if (name === undefined) return false;
    const epoch = this.#epoch;
    try {
      const { how, cursor } = this.#passing ?? {
        how: { name, before: (await this.#store.now()) + 1, all: false, epoch },
        cursor: "0",
      };
      const next = await passOverPage(this.#store, how, cursor, this.#events);
      this.#passing = typeof next === "string" ? { how, cursor: next } : undefined;
      if (this.#passing === undefined) this.#over = others;
      return true;
    } catch (error) {
      // It is seen again with the next look; what else the leader does must not wait for it.
      [this.#over, this.#passing, this.nextLook] = [[], undefined, monotonic() + every];
      throw error;
    }
  }
}
