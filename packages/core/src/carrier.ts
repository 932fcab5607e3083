import { tellPassed } from "./claim.js";
import type { Events } from "./events.js";
import { repeat } from "./repeat.js";
import { deliver } from "./scripts/index.js";
import type { Store } from "./store.js";

/** How many messages are read and handed over at once. */
const batch = 100;
/** After how many children were told of an end a delivery leaves the rest to the next one. */
const mostTold = 500;
const beginning = "0-0";

/** What one partition's outbox has for another one: who carries it at present, and what comes next. */
interface Pair {
  current: Promise<void>;
  next: Promise<void> | undefined;
  /** The last message that the receiver is known to have applied; `undefined`: it is to be asked. */
  applied: string | undefined;
}

/**
 * Carries messages from the outboxes of partitions to the others, in order. Whoever does so, and however many at once: the receiver says what it has
 * applied, and applies nothing twice.
 */
export class Carrier {
  /** By the number of their partition. */
  readonly stores: Store[] = [];
  readonly #events: Events;
  readonly #pairs = new Map<string, Pair>();

  constructor(events: Events) {
    this.#events = events;
  }

  join(store: Store): void {
    this.stores[store.partition] = store;
    store.carrier = this;
  }

  /**
   * Carries all that is in an outbox when this is called. One at a time for each pair: those who ask while one is under way share the next.
   *
   * @throws EscapementError if it could not be done within the deadline of either partition
   */
  carry(teller: number, receiver: number): Promise<void> {
    const pair = this.#pair(teller, receiver);
    pair.next ??= pair.current
      .catch(() => undefined)
      .then(() => {
        pair.next = undefined;
        pair.current = this.#carryAll(teller, receiver, pair);
        return pair.current;
      });
    return pair.next;
  }

  /** The same in the background. What fails is told as an error, and left to the teller's leader. */
  begin(teller: number, receiver: number): void {
    this.carry(teller, receiver).catch((error: unknown) => {
      if (this.stores[teller]?.isClosed || this.stores[receiver]?.isClosed) return;
      this.#events.emit("error", { step: "carry", error: error as Error });
    });
  }

  /** The last message that a receiver is known to have applied. */
  applied(teller: number, receiver: number): string | undefined {
    return this.#pair(teller, receiver).applied;
  }

  /** A receiver is asked anew what it has applied: it may have gone back in time. */
  forget(teller: number, receiver: number): void {
    this.#pair(teller, receiver).applied = undefined;
  }

  #pair(teller: number, receiver: number): Pair {
    const name = `${teller} ${receiver}`;
    let pair = this.#pairs.get(name);
    if (pair === undefined) {
      pair = { current: Promise.resolve(), next: undefined, applied: undefined };
      this.#pairs.set(name, pair);
    }
    return pair;
  }

  async #carryAll(teller: number, receiver: number, pair: Pair): Promise<void> {
    const [from, to] = [this.stores[teller], this.stores[receiver]];
    if (from === undefined || to === undefined) return; // a number that no partition has
    let applied = pair.applied ?? (await appliedBy(to, teller));
    for (;;) {
      pair.applied = applied;
      const messages = await readOutbox(from, receiver, applied);
      if (messages.length === 0) return;
      const { last, left, passed } = await hand(to, teller, applied, messages);
      applied = last;
      tellPassed(this.#events, passed);
      for (const other of left) this.begin(receiver, other);
    }
  }
}

type Message = readonly [id: string, text: string];

/** The last message of `teller` that a partition has applied. */
export async function appliedBy(store: Store, teller: number): Promise<string> {
  const last = await repeat(store.deadline, () =>
    store.commands.run("reading the inbox", (client) => client.hget(store.keys.inbox, String(teller))),
  );
  return last ?? beginning;
}

async function readOutbox(store: Store, receiver: number, after: string): Promise<Message[]> {
  const entries = await repeat(store.deadline, () =>
    store.commands.run("reading an outbox", (client) =>
      client.xrange(store.keys.outbox(receiver), `(${after}`, "+", "COUNT", batch),
    ),
  );
  return entries.map(([id, [, text = ""]]) => [id, text]);
}

interface Handed {
  /** The last message that the receiver has applied now; it is before `after` where the receiver has gone back in time. */
  readonly last: string;
  /** Partitions that it has left messages for in turn. */
  readonly left: readonly number[];
  readonly passed: Parameters<typeof tellPassed>[1];
}

async function hand(
  store: Store,
  teller: number,
  after: string,
  messages: readonly Message[],
): Promise<Handed> {
  const { meta, wake } = store.keys;
  const args = { ...store.history, ...store.founding, mover: store.mover, teller, after, most: mostTold };
  const [, last, told, left] = await repeat(store.deadline, () =>
    store.timed(
      () => deliver.run(store.commands, { keys: { meta, wake }, args, lists: { messages: messages.flat() } }),
      ([time]) => time,
    ),
  );
  const passed: { run: string; state: string; reason: string }[] = [];
  for (let at = 0; at + 2 < told.length; at += 3)
    passed.push({ run: told[at] ?? "", state: told[at + 1] ?? "", reason: told[at + 2] ?? "" });
  return { last, passed, left: left.map(Number) };
}
