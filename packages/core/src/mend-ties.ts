import type { Carrier } from "./carrier.js";
import { appliedBy } from "./carrier.js";
import type { Events } from "./events.js";
import { mendTies as step } from "./scripts/index.js";
import type { Store } from "./store.js";

/** An edge of a job of this partition with one of another. */
interface Edge {
  readonly text: string;
  /** The same as it stands there. */
  readonly mirrored: string;
  /** The number of that partition. */
  readonly place: number;
  /** Whether a definition of this partition gives it. */
  readonly isOurs: boolean;
}

/** How many edges one look is at. */
const page = 500;

/**
 * Compares a page of a partition's edges with what others know of them, and puts right what differs though all messages have been heard: one of the two
 * has lost writes then, as in a failover.
 *
 * @param after the last edge of the page before, or nothing
 * @returns the last edge of this page, or nothing if there are no more
 */
export async function mendTies(
  store: Store,
  carrier: Carrier,
  events: Events,
  after: string,
): Promise<string> {
  const texts = await store.lease.run("reading edges", (client) =>
    client.zrangebylex(store.keys.edges, after === "" ? "-" : `(${after}`, "+", "LIMIT", 0, page),
  );
  const edges = texts.flatMap((text) => readEdge(text, store.partition) ?? []);
  for (const place of new Set(edges.map((edge) => edge.place))) {
    const other = carrier.stores[place];
    if (other === undefined) continue;
    const between = edges.filter((edge) => edge.place === place);
    await mendBetween(store, other, carrier, events, between);
  }
  return texts.length < page ? "" : (texts.at(-1) ?? "");
}

async function mendBetween(
  store: Store,
  other: Store,
  carrier: Carrier,
  events: Events,
  edges: readonly Edge[],
): Promise<void> {
  // What is on its way is no fault; nor is what the other one has lost, and hears again.
  for (const [teller, receiver] of [
    [store.partition, other.partition],
    [other.partition, store.partition],
  ] as const) {
    carrier.forget(teller, receiver);
    await carrier.carry(teller, receiver);
  }
  const applied = await appliedBy(store, other.partition);
  const there = await other.commands.run("reading edges", (client) =>
    client.zmscore(other.keys.edges, ...edges.map(({ mirrored }) => mirrored)),
  );
  const missing = edges.filter((_, index) => there[index] == null);
  if (missing.length === 0) return;
  const lists = {
    ghosts: missing.filter(({ isOurs }) => !isOurs).map(({ text }) => text),
    lost: missing.filter(({ isOurs }) => isOurs).map(({ text }) => text),
  };
  const { meta, wake } = store.keys;
  const args = { ...store.history, place: other.partition, applied };
  const [, mended] = await store.timed(
    () => step.run(store.lease, { keys: { meta, wake }, args, lists }),
    ([time]) => time,
  );
  for (let at = 0; at + 1 < mended.length; at += 2)
    events.emit("mended", { subject: mended[at] ?? "", what: mended[at + 1] ?? "" });
  if (lists.lost.length > 0) carrier.begin(store.partition, other.partition);
}

/** As scripts/lib/edges.lua writes it; `undefined` for one whose jobs both live here. */
function readEdge(text: string, partition: number): Edge | undefined {
  const [, mark, job, other, owner, place] = /^([<>])(\S+) (\S+) ([dt]) (\d+)$/.exec(text) ?? [];
  if (place === undefined) return undefined;
  return {
    text,
    mirrored: `${mark === "<" ? ">" : "<"}${other} ${job} ${owner} ${partition}`,
    place: Number(place),
    isOurs: (mark === "<") === (owner === "d"),
  };
}
