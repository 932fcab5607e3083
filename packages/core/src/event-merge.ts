import { InvalidOptionError } from "./errors.js";
import {
  assertPlace,
  type EventsOptions,
  endOf,
  leaving,
  type Pages,
  type Place,
  readOptions,
  readPages,
  type SchedulerEvent,
  startOf,
  type Told,
  whole,
} from "./event-stream.js";
import type { Store } from "./store.js";

// The events of a namespace that is spread over several partitions, each of which has a stream of its own.

/**
 * The events of all partitions: of each one in the order of its stream, and among those that are at hand the earliest first. An event's id is made of the
 * places in all streams, so that `since` goes on in each. A partition that cannot be reached holds none of the others up.
 *
 * Has at most 100 entries of each stream in memory, and a connection to each.
 *
 * @throws as `openEvents`
 */
export function openMerged(
  stores: readonly Store[],
  options: EventsOptions,
): AsyncIterableIterator<SchedulerEvent> {
  const { since, signal, follow = true } = readOptions(options, (text) => assertPlaces(text, stores.length));
  const places = typeof since === "string" && since !== "start" ? since.split(",") : undefined;
  return leaving(signal, (left) => {
    const over = new AbortController(); // closes the other readers when one of them fails
    const ended = AbortSignal.any([left, over.signal]);
    const sources = stores.map((store, index) => new Source(store, places?.[index] ?? since, follow, ended));
    return merged(sources, () => ended.aborted || stores.some(({ isClosed }) => isClosed), over);
  });
}

function assertPlaces(since: string, partitions: number): void {
  if (since === "start") return;
  const places = since.split(",");
  if (places.length !== partitions)
    throw new InvalidOptionError(
      "since",
      `must be the id of an event of a namespace with ${partitions} partitions, a Date, or "start".`,
    );
  for (const place of places) assertPlace(place === "start" ? "" : place);
}

/** The stream of one partition, and what has been read of it and not been told. */
class Source {
  readonly #pages: Pages;
  readonly #start: Promise<Place>;
  #queue: readonly Told[] = [];
  #next = 0;
  #reading: Promise<void> | undefined;
  #error: { readonly cause: unknown } | undefined;
  /** Behind what was told last. */
  place = "";
  /** Whether what was kept when it was opened has been read, as far as it can be: then nobody waits for it. */
  isCaughtUp = false;
  isDone = false;

  constructor(store: Store, since: EventsOptions["since"], follow: boolean, ended: AbortSignal) {
    this.#start = startOf(store, since);
    const end = endOf(store, follow);
    this.#pages = readPages(store, { start: this.#start, end, ended, waits: () => this.isCaughtUp });
  }

  get head(): Told | undefined {
    return this.#queue[this.#next];
  }

  /** Reads on. Never rejects: what has failed is thrown by {@link check}. */
  fill(): Promise<void> {
    this.#reading ??= this.#read()
      .catch((cause: unknown) => {
        this.#error = { cause };
      })
      .finally(() => {
        this.#reading = undefined;
      });
    return this.#reading;
  }

  check(): void {
    if (this.#error !== undefined) throw this.#error.cause;
  }

  take(): void {
    const { entry, index } = this.head as Told;
    this.place = `${entry}.${index}`;
    this.#next += 1;
  }

  close(): Promise<unknown> {
    return this.#pages.return(undefined);
  }

  async #read(): Promise<void> {
    if (this.place === "") {
      const { entry, index } = await this.#start;
      this.place = `${entry}.${index === "all" ? whole : index}`;
    }
    const { value, done } = await this.#pages.next();
    if (done === true) this.isDone = true;
    else {
      this.#queue = value ?? [];
      this.#next = 0;
      if (value === undefined || value.length === 0) this.isCaughtUp = true;
    }
  }
}

async function* merged(
  sources: readonly Source[],
  isOver: () => boolean,
  over: AbortController,
): AsyncGenerator<SchedulerEvent> {
  try {
    while (!isOver()) {
      const empty = sources.filter((source) => source.head === undefined && !source.isDone);
      const reading = empty.map((source) => source.fill());
      const late = empty.flatMap((source, index) => (source.isCaughtUp ? [] : [reading[index]]));
      if (late.length > 0) await Promise.all(late);
      else {
        const first = earliest(sources);
        if (first === undefined && reading.length === 0) return;
        if (first === undefined) await Promise.race(reading);
        else {
          const { event } = first.head as Told;
          first.take();
          // Each has its place before the first event is told.
          yield { ...event, id: sources.map(({ place }) => place).join(",") };
        }
      }
      if (isOver()) return;
      for (const source of sources) source.check();
    }
  } finally {
    over.abort();
    await Promise.all(sources.map((source) => source.close()));
  }
}

function earliest(sources: readonly Source[]): Source | undefined {
  let first: Source | undefined;
  for (const source of sources) {
    const at = source.head?.event.at;
    if (at === undefined) continue;
    const other = first?.head?.event.at;
    if (other === undefined || at < other) first = source;
  }
  return first;
}
