import { RedisError } from "@escapement/redis";
import type { Connection } from "@escapement/redis/internal";
import { fields } from "./check.js";
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
  /** Behind this event's id; from a moment on; or `"start"`, from the earliest that is kept. @default what comes from now on */
  readonly since?: string | Date;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
}

type Entry = [id: string, fields: string[]];

const page = 100;
const block = 1000; // ms

/**
 * The cluster's events, in order, for as long as they are asked for: those that are kept first, then new ones as they come. A connection
 * that breaks is opened again, and the stream goes on where it was.
 *
 * @throws InvalidOptionError; EscapementError `SCHEDULER_STOPPED` once the scheduler is stopped
 */
export async function* readEvents(store: Store, options: EventsOptions): AsyncGenerator<SchedulerEvent> {
  const { since, signal } = read(options);
  const reader = store.openReader();
  const stop = (): void => store.closeReader(reader);
  signal?.addEventListener("abort", stop);
  try {
    const place = await placeOf(store, since);
    if (place.gap) yield { type: "gap", id: `${place.entry}.0`, at: new Date(await store.now()) };
    let { entry, index } = place;
    while (signal?.aborted !== true && !store.isClosed) {
      for (const [id, values] of await readOn(store, reader, entry, index > 0)) {
        const events = readEntry(values);
        for (const [at, event] of events.entries()) {
          if (id === entry && at < index) continue;
          yield { ...event, id: `${id}.${at + 1}` };
        }
        [entry, index] = [id, 0];
      }
      index = 0;
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
    stop();
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

function read(options: EventsOptions): EventsOptions {
  const { since, signal } = fields("options", options, ["since", "signal"]);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new InvalidOptionError("signal", "must be an AbortSignal.");
  if (typeof since === "string" && since !== "start" && !/^\d{1,20}-\d{1,20}\.\d{1,9}$/.test(since))
    throw new InvalidOptionError("since", 'must be the id of an event, a Date, or "start".');
  if (since !== undefined && typeof since !== "string") instant("since", since);
  return options;
}

/** Where to begin: behind that many events of an entry of the stream. */
interface Place {
  readonly entry: string;
  readonly index: number;
  /** Whether what came after it is not all kept. */
  readonly gap: boolean;
}

async function placeOf(store: Store, since: EventsOptions["since"]): Promise<Place> {
  const [first, last, added, length] = await store.commands.run("reading events", async (client) => {
    const [oldest, newest, info] = await Promise.all([
      client.xrange(store.keys.events, "-", "+", "COUNT", 1),
      client.xrevrange(store.keys.events, "+", "-", "COUNT", 1),
      client.xinfo("STREAM", store.keys.events).catch(() => []) as Promise<unknown[]>,
    ]);
    const about = (name: string): number => Number(info[info.indexOf(name) + 1] ?? 0);
    return [oldest[0]?.[0], newest[0]?.[0], about("entries-added"), about("length")] as const;
  });
  if (since === undefined) return { entry: last ?? "0-0", index: 0, gap: false };
  if (since === "start") return { entry: "0-0", index: 0, gap: false };
  const [entry = "0-0", index = "0"] =
    typeof since === "string" ? since.split(".") : [`${since.getTime()}-0`, "0"];
  // What was trimmed away lay before the first entry that is kept; it matters if that one is behind the place asked for.
  const gap = added > length && first !== undefined && isBehind(entry, first);
  return { entry, index: Number(index), gap };
}

function isBehind(entry: string, other: string): boolean {
  const [ms = "0", count = "0"] = entry.split("-");
  const [otherMs = "0", otherCount = "0"] = other.split("-");
  return BigInt(ms) === BigInt(otherMs) ? BigInt(count) < BigInt(otherCount) : BigInt(ms) < BigInt(otherMs);
}

/** The entries that come next; `again`: with the one at which it stopped. Waits up to a second for new ones. */
async function readOn(store: Store, reader: Connection, entry: string, again: boolean): Promise<Entry[]> {
  try {
    if (again) {
      const [same] = await reader.run("reading events", (client) =>
        client.xrange(store.keys.events, entry, entry),
      );
      if (same !== undefined) return [same];
    }
    const found = await reader.run(
      "reading events",
      (client) => client.xread("COUNT", page, "BLOCK", block, "STREAMS", store.keys.events, entry),
      block + store.deadline,
    );
    return (found?.[0]?.[1] ?? []) as Entry[];
  } catch (error) {
    if (store.isClosed || !(error instanceof RedisError)) throw error;
    await new Promise((resolve) => setTimeout(resolve, jittered(500)));
    return [];
  }
}
