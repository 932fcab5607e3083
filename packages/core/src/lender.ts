import { partitionOf } from "@escapement/redis/internal";
import { monotonic } from "./clock.js";
import type { Events } from "./events.js";
import { inTime } from "./in-time.js";
import { borrow, lend } from "./scripts/index.js";
import type { Store } from "./store.js";

/** What a claim says of a limit or rate for which it found work but no place, or of which it has places to give. */
export interface Wanted {
  /** `all`, `queue:<queue>`, `task:<task>` or `key:<key>`; of a rate with `rate:` before it. */
  readonly scope: string;
  /** `w`: it waits for places; `s`: it skips what finds none anywhere; `g`: there may be some for others. */
  readonly how: string;
  readonly max: string;
  /** Of a rate, in ms; else empty. */
  readonly per: string;
  /** How many places it could use. */
  readonly count: string;
  /** What its partition has, as scripts write it; empty in the scope's home. */
  readonly report: string;
}

/** Reads what a claim answers of that. */
export function readWanted(values: readonly string[]): Wanted[] {
  const all: Wanted[] = [];
  for (let at = 0; at + 5 < values.length; at += 6) {
    const [scope = "", how = "", max = "", per = "", count = "", report = ""] = values.slice(at, at + 6);
    all.push({ scope, how, max, per, count, report });
  }
  return all;
}

/** Transfers that are under way at once; what would be one more is asked for again by the claim after next. */
const most = 1000;
/** How often the home may be asked in one transfer: once, after all others were counted, and after places were given back. */
const rounds = 4;
/** For how long one transfer waits for partitions that borrow, in ms: what one that does not answer has is in use until it is back. */
const patience = 500;
/** For how long nothing more is told of a partition's failures, in ms. */
const quiet = 1000;

/**
 * Carries places of limits and rates from partition to partition, for one process. Each step works in one partition and may be done twice, late or not
 * at all: the numbers that it carries only grow. Whoever needs a place says so again as long as there is none (docs/partitions.md).
 */
export class Lender {
  readonly #stores: Store[] = [];
  readonly #events: Events;
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #quietUntil = new Map<number, number>(); // monotonic, by partition
  #isClosed = false;

  constructor(events: Events) {
    this.#events = events;
  }

  /** Another partition of the process, in their order. */
  join(store: Store): void {
    this.#stores.push(store);
  }

  /** What a claim in a partition wants is seen to; one transfer at a time for each scope there. */
  see(partition: number, wanted: readonly Wanted[]): void {
    for (const one of wanted) {
      const name = `${partition} ${one.scope}`;
      if (this.#isClosed || this.#underWay.has(name) || this.#underWay.size >= most) continue;
      const transfer = this.#transfer(partition, one)
        .catch((error: unknown) => this.#failed(partitionOf(one.scope, this.#stores.length), error))
        .finally(() => this.#underWay.delete(name));
      this.#underWay.set(name, transfer);
    }
  }

  /** Begins no transfers any more, and waits for those that are under way: each call has a deadline. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.settled();
  }

  /** Once what is under way now has ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  async #transfer(asker: number, wanted: Wanted): Promise<void> {
    const home = partitionOf(wanted.scope, this.#stores.length);
    const own = asker === home ? [] : [String(asker), wanted.report];
    let reports = own;
    let { how } = wanted;
    let [history, isLast] = ["", false];
    for (let round = 1; round <= rounds; round += 1) {
      const answer = await this.#lend(home, asker, { ...wanted, how }, reports, history, isLast);
      const [, state, seen, visits, needed, news] = answer;
      await this.#tell(wanted, news);
      if (state === "none" && asker !== home) await this.#reach(asker, wanted, { none: 1 });
      if (visits.length === 0) return;
      const isRecount = state === "recount";
      history = isRecount ? seen : "";
      const others = await this.#visit(wanted, visits, needed);
      reports = isRecount || state === "served" ? others : [...own, ...others];
      if (state === "served") how = "g";
      isLast = !isRecount;
    }
  }

  #lend(
    home: number,
    asker: number,
    { scope, how, max, per, count }: Wanted,
    reports: readonly string[],
    history: string,
    isLast: boolean,
  ): Promise<[string, string, string, string[], string, string[]]> {
    const store = this.#of(home);
    return store.timed(
      () =>
        lend.run(store.lease, {
          keys: store.keys,
          args: {
            ...{ prefix: store.keys.prefix, partition: `${home}/${this.#stores.length}` },
            ...{ scope, how, max, per, want: count, asker, history, last: isLast ? 1 : 0 },
          },
          lists: { reports },
        }),
      ([now]) => now,
    );
  }

  /** Asks partitions for what they have, and for places that they do not use. What one that does not answer has is in use. */
  async #visit(wanted: Wanted, visits: readonly string[], need: string): Promise<string[]> {
    const reports: string[] = [];
    const asked: Promise<void>[] = [];
    for (let at = 0; at + 1 < visits.length; at += 2) {
      const [partition = "", called = "0"] = visits.slice(at, at + 2);
      const heard = (report: string): unknown => reports.push(partition, report);
      asked.push(this.#reach(Number(partition), wanted, { called, need }, heard));
    }
    await patiently(asked);
    return [...reports];
  }

  async #tell(wanted: Wanted, news: readonly string[]): Promise<void> {
    const told: Promise<void>[] = [];
    for (let at = 0; at + 1 < news.length; at += 2)
      told.push(this.#reach(Number(news[at]), wanted, { news: news[at + 1] ?? "" }));
    await patiently(told);
  }

  /** Asks a partition that borrows; that it fails is told, and no more. */
  #reach(
    partition: number,
    wanted: Wanted,
    asked: Partial<Asked>,
    heard: (report: string) => unknown = () => undefined,
  ): Promise<void> {
    return this.#borrow(partition, wanted, asked).then(
      (report) => void heard(report),
      (error: unknown) => this.#failed(partition, error),
    );
  }

  #failed(partition: number, error: unknown): void {
    const now = monotonic();
    if (this.#isClosed || now < (this.#quietUntil.get(partition) ?? 0)) return;
    this.#quietUntil.set(partition, now + quiet);
    this.#events.emit("error", { step: "lend", error: error as Error });
  }

  async #borrow(
    partition: number,
    { scope, max, per }: Wanted,
    { news = "", called = "0", need = "0", none = 0 }: Partial<Asked>,
  ): Promise<string> {
    const store = this.#of(partition);
    const { prefix } = store.keys;
    const args = { prefix, scope, max, per, news, called, need, none };
    const call = (): Promise<[string, string]> => borrow.run(store.lease, { keys: store.keys, args });
    const [, report] = await store.timed(call, ([now]) => now);
    return report;
  }

  #of(partition: number): Store {
    return this.#stores[partition] as Store;
  }
}

/** Until all of these have ended, or for as long as there is patience. */
async function patiently(calls: readonly Promise<void>[]): Promise<void> {
  if (calls.length > 0) await inTime(patience, Promise.all(calls)).catch(() => undefined);
}

interface Asked {
  readonly news: string;
  readonly called: string;
  readonly need: string;
  readonly none: 0 | 1;
}
