import { EscapementError } from "@escapement/redis";
import { monotonic } from "./clock.js";
import type { Events } from "./events.js";
import { inTime } from "./in-time.js";
import { copyPauses, countPauses, noteAtHome } from "./pause-copies.js";
import type { Store } from "./store.js";

/** How many noticed pauses one look is at: of more, each is looked at in its turn. */
const page = 5000;
/** So many ms of a look are waited for at most: what else the leader does must not wait for partition 0. */
const longest = 500;
/** Milliseconds until the next look after one that failed. */
const afterFailure = 2000;

type Texts = (readonly [name: string, text: string])[];

/**
 * The look of a further partition's leader at partition 0: copies of pauses that are over there go, and what jobs here have said of their own pauses
 * is carried there.
 */
export class PauseMirror {
  readonly #store: Store;
  readonly #epoch: number;
  readonly #events: Events;
  #noticed = "0"; // cursors
  #carry = "0";
  #nextLook = 0; // monotonic

  constructor(store: Store, epoch: number, events: Events) {
    this.#store = store;
    this.#epoch = epoch;
    this.#events = events;
  }

  /** @throws EscapementError `STALE_EPOCH` if there is a later leader; anything else is told, and tried again */
  async look(): Promise<void> {
    if (monotonic() < this.#nextLook) return;
    try {
      await inTime(longest, this.#look());
    } catch (error) {
      if (error instanceof EscapementError && error.code === "STALE_EPOCH") throw error;
      this.#nextLook = monotonic() + afterFailure;
      this.#events.emit("error", { step: "pauses", error: error as Error });
    }
  }

  async #look(): Promise<void> {
    const { names, carried } = await this.#readPage();
    const { home } = this.#store;
    if (carried.length > 0) {
      await noteAtHome(
        home.lease,
        home,
        carried.map(([name]) => name),
        carried,
      );
      await this.#copy({ carried });
    }
    const [there, here] = await Promise.all([countPauses(home, names), countPauses(this.#store, names)]);
    if (there === names.length && here === names.length) return;
    const [atHome, copied] = [await existing(home, names), await existing(this.#store, names)];
    const missing = names.filter((name) => atHome.has(name) && !copied.has(name));
    const gone = names.filter((name) => !atHome.has(name) && copied.has(name));
    // What was said of the resumption was written in the step that deleted the key.
    const said =
      gone.length === 0
        ? []
        : await home.lease.run("reading how pauses ended", (client) =>
            client.mget(...gone.map((name) => home.keys.resumed(name))),
          );
    await this.#copy({
      there: missing.length === 0 ? [] : [...(await noteAtHome(home.lease, home, missing))],
      gone: gone.map((name, at) => [name, said[at] ?? ""] as const),
    });
  }

  #copy(copies: Parameters<typeof copyPauses>[2]): Promise<void> {
    return copyPauses(this.#store.lease, this.#store, { ...copies, epoch: this.#epoch });
  }

  /** Pauses that have been noticed here and are not over, and what partition 0 is to be told. */
  async #readPage(): Promise<{ readonly names: string[]; readonly carried: Texts }> {
    const { keys, lease } = this.#store;
    const [noticed, carry] = await lease.run("reading noticed pauses", (client) =>
      Promise.all([
        client.hscan(keys.pauses, this.#noticed, "COUNT", page),
        // Where somebody else has put something there, the next step that writes it deletes that.
        client.hscan(keys.carry, this.#carry, "COUNT", 500).catch((): [string, string[]] => ["0", []]),
      ]),
    );
    [this.#noticed, this.#carry] = [noticed[0], carry[0]];
    const isOver = (text: string): boolean => !/^\d+ \d+$/.test(text);
    return {
      names: pairs(noticed[1]).flatMap(([name, text]) => (isOver(text) ? [] : [name])),
      carried: pairs(carry[1]),
    };
  }
}

function pairs(flat: readonly string[]): Texts {
  return flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? ""] as const] : []));
}

/** Those of these pauses that there are. */
async function existing(store: Store, names: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await store.lease.run("looking for pauses", (client) =>
    Promise.all(names.map((name) => client.exists(store.keys.pause(name)))),
  );
  return new Set(names.filter((_, at) => found[at] === 1));
}
