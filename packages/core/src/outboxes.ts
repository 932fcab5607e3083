import type { Carrier } from "./carrier.js";
import { monotonic } from "./clock.js";
import type { Events } from "./events.js";
import { mendTies } from "./mend-ties.js";
import type { Store } from "./store.js";

/** Milliseconds between two looks. */
const every = 500;
/** Milliseconds between two looks at what the receivers say that they have applied: one that has gone back in time is told again. */
const everyAnew = 5000;
/** Milliseconds between two looks at whether ties stand in both of their partitions. */
const everyMend = 60_000;
/** So many messages are kept of those that were applied, for a receiver that goes back in time. */
const kept = 1000;

/** The leader's look at what its partition has to tell others: carries what those who left it have not carried, and trims what was. */
export class Outboxes {
  readonly #store: Store;
  readonly #events: Events;
  readonly #carrier: Carrier | undefined;
  #nextAnew = 0; // monotonic
  #nextMend = 0; // monotonic
  #mendAfter = ""; // the last edge that was looked at
  #isMending = false;
  /** Monotonic time of the next look. */
  nextLook: number;

  constructor(store: Store, events: Events) {
    this.#store = store;
    this.#events = events;
    this.#carrier = store.carrier;
    this.nextLook = this.#carrier === undefined ? Number.POSITIVE_INFINITY : 0;
  }

  /** Looks, if it is time to. Whatever keeps it from being done, a partition that is away or a key of another kind, keeps the leader from nothing else. */
  async look(): Promise<void> {
    if (monotonic() < this.nextLook) return;
    this.nextLook = monotonic() + every;
    if (this.#carrier === undefined) return;
    this.#mend(this.#carrier);
    await this.#look(this.#carrier).catch((error: unknown) =>
      this.#events.emit("error", { step: "carry", error: error as Error }),
    );
  }

  /** What there is to carry is carried in the background. */
  async #look(carrier: Carrier): Promise<void> {
    const { partition, partitions, lease, keys } = this.#store;
    const others = Array.from({ length: partitions }, (_, index) => index).filter((one) => one !== partition);
    const names = others.map((other) => keys.outbox(other));
    const there = await lease.run("looking for outboxes", (client) => client.exists(...names));
    if (there === 0) return;
    const anew = monotonic() >= this.#nextAnew;
    if (anew) this.#nextAnew = monotonic() + everyAnew;
    const tails = await lease.run("looking at outboxes", (client) =>
      Promise.all(names.map((name) => client.xrevrange(name, "+", "-", "COUNT", 1))),
    );
    for (const [index, other] of others.entries()) {
      const tail = tails[index]?.[0]?.[0];
      if (tail === undefined) continue;
      const applied = carrier.applied(partition, other);
      if (anew) {
        if (applied !== undefined) await this.#trim(other, applied);
        carrier.forget(partition, other);
      }
      if (anew || applied !== tail) carrier.begin(partition, other);
    }
  }

  /** What was lost of ties is looked for once in a while, in the background. */
  #mend(carrier: Carrier): void {
    if (this.#isMending || monotonic() < this.#nextMend) return;
    this.#isMending = true;
    mendTies(this.#store, carrier, this.#events, this.#mendAfter)
      .then(
        (last) => {
          this.#mendAfter = last;
          if (last === "") this.#nextMend = monotonic() + everyMend;
        },
        (error: unknown) => {
          this.#nextMend = monotonic() + everyAnew;
          if (!this.#store.isClosed) this.#events.emit("error", { step: "carry", error: error as Error });
        },
      )
      .finally(() => {
        this.#isMending = false;
      });
  }

  /** Leaves the last of what was applied. */
  async #trim(other: number, applied: string): Promise<void> {
    const { lease, keys } = this.#store;
    const name = keys.outbox(other);
    const length = await lease.run("looking at an outbox", (client) => client.xlen(name));
    if (length < 2 * kept) return;
    await lease.run("trimming an outbox", async (client) => {
      const last = (await client.xrevrange(name, applied, "-", "COUNT", kept)).at(-1);
      if (last !== undefined) await client.xtrim(name, "MINID", last[0]);
    });
  }
}
