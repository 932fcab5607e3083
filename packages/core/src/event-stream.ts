import { isTransient } from "@escapement/redis";
import type { Connection } from "@escapement/redis/internal";
import { fields, flag, readable } from "./check.js";
import { InvalidOptionError } from "./errors.js";
import { type ClusterEvent, readEntry } from "./event-line.js";
import { jittered } from "./id.js";
import type { Store } from "./store.js";
import { instant } from "./times.js";

/** An event of the cluster's stream. */
export type SchedulerEvent = ClusterEvent & {
  /** Its place in the stream; `since` goes on behind it. */
  readonly id: string;
  /** By Redis' clock. */
  readonly at: Date;
};

/** Options of `events`. */
export interface EventsOptions {
  /** Behind this event's id; from a moment on; or `"start"`, from the earliest that is kept. @default what comes from this call on */
  readonly since?: string | Date;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
  /** Whether to go on with what comes: `false` ends with what there was at this call. @default true */
  readonly follow?: boolean;
}

/** What has been read: that many events of an entry of the stream, or the whole of it. */
export interface Place {
  readonly entry: string;
  readonly index: number | "all";
}

interface Page {
  /** `undefined`: nothing could be read, and it is to be tried again. */
  readonly entries: readonly [id: string, fields: string[]][] | undefined;
  /** The first entry that is kept, if some between the place and it are not. */
  readonly gapTo: string | undefined;
}

const page = 100;
const block = 1000; // ms
/** Stands for all events of an entry, however many these are. */
export const whole = 999_999_999;
const nothing: Page = { entries: undefined, gapTo: undefined };

// No entry has these ids. What was trimmed before somebody asked for what is kept is no gap; after the first look at an empty stream it is.
const beginning = "0-0";
const nothingYet = "0-1";

/**
 * The cluster's events, in order, for as long as they are asked for: those that are kept first, then new ones as they come. A connection
 * that breaks is opened again, and the stream goes on where it was. It ends with the scheduler, the signal, or when it is left.
 *
 * Has at most 100 entries of the stream in memory, and a connection of its own from the first event that is asked for.
 *
 * @throws InvalidOptionError, at once; asking for an event: RedisError for what does not pass by itself
 */
export function openEvents(store: Store, options: EventsOptions): AsyncIterableIterator<SchedulerEvent> {
  const { since, signal, follow = true } = readOptions(options, assertPlace);
  return leaving(signal, (ended) => {
    const pages = readPages(store, { start: startOf(store, since), end: endOf(store, follow), ended });
    return toldOf(pages, () => ended.aborted || store.isClosed);
  });
}

async function* toldOf(pages: Pages, isOver: () => boolean): AsyncGenerator<SchedulerEvent> {
  for await (const page of pages)
    for (const { event, entry, index } of page ?? []) {
      if (isOver()) return;
      yield { ...event, id: `${entry}.${index}` };
    }
}

/** Events that end at once when they are left, also while the next one is waited for. */
export function leaving(
  signal: AbortSignal | undefined,
  open: (ended: AbortSignal) => AsyncGenerator<SchedulerEvent>,
): AsyncIterableIterator<SchedulerEvent> {
  const left = new AbortController();
  const events = open(AbortSignal.any(signal === undefined ? [left.signal] : [left.signal, signal]));
  return {
    next: () => events.next(),
    return: () => {
      left.abort();
      return events.return(undefined);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** An event and its place: its number, from 1, in an entry. */
export interface Told {
  readonly event: ClusterEvent & { readonly at: Date };
  readonly entry: string;
  readonly index: number;
}

/** What is read of a stream at once. Empty: there is nothing now; `undefined`: it could not be read, and is tried again. */
export type Pages = AsyncGenerator<readonly Told[] | undefined>;

/** From where a stream is read. */
export interface PagesOptions {
  readonly start: Promise<Place>;
  /** The entry to end with; `undefined`: to go on with what comes. */
  readonly end: Promise<string | undefined>;
  readonly ended: AbortSignal;
  /** Whether to wait up to a second for what comes; asked each time. @default it does */
  readonly waits?: () => boolean;
}

/** Reads a stream by a connection of its own, which is closed when it is left. */
export async function* readPages(store: Store, options: PagesOptions): Pages {
  const { start, end, ended, waits = () => true } = options;
  const reader = store.openReader();
  const close = (): void => store.closeReader(reader);
  const isOver = (): boolean => ended.aborted || store.isClosed;
  ended.addEventListener("abort", close);
  try {
    let place = await start;
    const last = await end;
    while (!isOver() && (last === undefined || isBehind(place.entry, last) || place.entry === last)) {
      const { entries, gapTo } = await readOn(store, reader, place, isOver, last === undefined && waits());
      if (last !== undefined && entries?.length === 0) return;
      const told: Told[] = [];
      if (gapTo !== undefined) {
        const at = new Date(Number(gapTo.split("-")[0]));
        told.push({ event: { type: "gap", at }, entry: gapTo, index: 0 });
      }
      for (const [entry, values] of entries ?? []) {
        if (last !== undefined && isBehind(last, entry)) {
          yield told;
          return;
        }
        const seen = entry === place.entry ? place.index : 0;
        for (const [index, event] of readEntry(values).entries())
          if (event !== undefined && seen !== "all" && index >= seen)
            told.push({ event, entry, index: index + 1 });
        place = { entry, index: "all" };
      }
      yield entries && told;
    }
  } catch (error) {
    if (!isOver()) throw error;
  } finally {
    ended.removeEventListener("abort", close);
    close();
  }
}

/** Tells the cluster of something that no script does. What cannot be told is not: it stops nothing. */
export function tellCluster(store: Store, line: string): void {
  const max = store.told.events_max;
  if (max === 0) return;
  store.lease
    .run("telling", (client) =>
      client.xadd(store.keys.events, "MAXLEN", "~", max, "*", "t", Math.round(store.clock.now()), "e", line),
    )
    .catch(() => undefined);
}

/** Checks the options. @param assertId refuses a `since` that is no event's id, nor `start` */
export function readOptions(options: EventsOptions, assertId: (since: string) => void): EventsOptions {
  const given = fields("options", options, ["since", "signal", "follow"]);
  return readable("options", () => checked(given, assertId));
}

function checked(given: Record<string, unknown>, assertId: (since: string) => void): EventsOptions {
  const { since, signal, follow } = given;
  if (follow !== undefined) flag("follow", follow);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new InvalidOptionError("signal", "must be an AbortSignal.");
  if (typeof since === "string") assertId(since);
  else if (since !== undefined) {
    if (!(since instanceof Date)) throw noPlace();
    instant("since", since);
  }
  return given;
}

/** @throws InvalidOptionError for what is no place in a stream, nor `start` */
export function assertPlace(since: string): void {
  if (since === "start") return;
  const parts = /^(\d{1,20})-(\d{1,20})\.\d{1,9}$/.exec(since)?.slice(1, 3);
  if (parts === undefined || parts.some((part) => BigInt(part) >= 2n ** 64n)) throw noPlace();
}

const noPlace = (): InvalidOptionError =>
  new InvalidOptionError("since", 'must be the id of an event, a Date, or "start".');

/** Where `since` is in a stream. What fails is told to whoever asks for an event. */
export function startOf(store: Store, since: EventsOptions["since"]): Promise<Place> {
  const start = placeOf(store, since);
  start.catch(() => undefined);
  return start;
}

/** The entry with which to end, if it is not to go on. */
export function endOf(store: Store, follow: boolean): Promise<string | undefined> {
  const end = follow ? Promise.resolve(undefined) : lastEntry(store);
  end.catch(() => undefined);
  return end;
}

async function placeOf(store: Store, since: EventsOptions["since"]): Promise<Place> {
  if (since === "start") return { entry: beginning, index: "all" };
  if (since instanceof Date) return { entry: justBefore(since.getTime()), index: "all" };
  if (since !== undefined) {
    const [entry = beginning, index] = since.split(".");
    return { entry, index: Number(index) === whole ? "all" : Number(index) };
  }
  return { entry: await lastEntry(store), index: "all" };
}

async function lastEntry(store: Store): Promise<string> {
  const [last] = await store.commands.run("reading events", (client) =>
    client.xrevrange(store.keys.events, "+", "-", "COUNT", 1),
  );
  return last?.[0] ?? nothingYet;
}

/** An id behind all entries from before that time (ms). */
function justBefore(time: number): string {
  return time === 0 ? beginning : `${time - 1}-18446744073709551615`;
}

function isBehind(entry: string, other: string): boolean {
  const [ms = "0", count = "0"] = entry.split("-");
  const [otherMs = "0", otherCount = "0"] = other.split("-");
  return BigInt(ms) === BigInt(otherMs) ? BigInt(count) < BigInt(otherCount) : BigInt(ms) < BigInt(otherMs);
}

/** The entries that come next, at most a page. Waits up to a second for new ones, if it is to. */
async function readOn(
  store: Store,
  reader: Connection,
  place: Place,
  isOver: () => boolean,
  waits: boolean,
): Promise<Page> {
  const { events } = store.keys;
  const { entry, index } = place;
  try {
    return await reader.run(
      "reading events",
      async (client): Promise<Page> => {
        // Both in one go: what is trimmed after the first look is read by the second.
        const [info, entries] = await Promise.all([
          (client.xinfo("STREAM", events) as Promise<unknown[]>).catch(noSuchKey),
          index !== "all"
            ? client.xrange(events, entry, "+", "COUNT", page)
            : waits
              ? client
                  .xread("COUNT", page, "BLOCK", block, "STREAMS", events, entry)
                  .then((found) => found?.[0]?.[1] ?? [])
              : client.xrange(events, `(${entry}`, "+", "COUNT", page),
        ]);
        return { entries, gapTo: gapAfter(entry, info) };
      },
      block + store.deadline,
    );
  } catch (error) {
    if (isOver() || !isTransient(error)) throw error;
    await new Promise((resolve) => setTimeout(resolve, jittered(500)));
    return nothing;
  }
}

/**
 * The first entry that is kept, if `entry` is not any more and others have gone with it, or may have: whether `entry` was the last that had
 * to go is not known.
 */
function gapAfter(entry: string, info: readonly unknown[]): string | undefined {
  const about = (name: string): unknown => info[info.indexOf(name) + 1];
  const first = about("first-entry");
  if (entry === beginning || !Array.isArray(first)) return undefined;
  const trimmed = Number(about("entries-added")) > Number(about("length"));
  return trimmed && isBehind(entry, String(first[0])) ? String(first[0]) : undefined;
}

function noSuchKey(error: unknown): [] {
  if (error instanceof Error && error.message.includes("no such key")) return [];
  throw error;
}
