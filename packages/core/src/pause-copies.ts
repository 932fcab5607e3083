import { type Connection, partitionOf } from "@escapement/redis/internal";
import type { Events } from "./events.js";
import { copyPauses as copyScript, notePauses } from "./scripts/index.js";
import type { Store } from "./store.js";

/** Pairs of a pause's name and a text. */
type Texts = readonly (readonly [name: string, text: string])[];

/** What is to become of the copies that a partition has. */
export interface Copies {
  /** With their texts. */
  readonly there?: Texts;
  /** Partition 0 has them no more; with what was said of the resumption, empty if nothing was. */
  readonly gone?: Texts;
  /** What partition 0 has been told of. */
  readonly carried?: Texts;
  /** The leader's term: needed where something is gone. */
  readonly epoch?: number;
}

/** How many of them one step is handed. */
const page = 500;
/** Names that are asked for in one command. */
const perCall = 5000;

/** The other partitions in which a pause of that name could hold something back. A node's is looked at in partition 0 alone. */
export function othersOf(store: Store, name: string): Store[] {
  const { family } = store;
  if (name.startsWith("node:")) return [];
  if (!name.startsWith("job:")) return family.slice(1);
  const own = family[partitionOf(name.slice(4), family.length)];
  return own === undefined || own === store.home ? [] : [own];
}

/** Has partition 0 take note of those of these pauses that it has. Answers them with their texts. `carried`: what it is told of before that. */
export async function noteAtHome(
  connection: Connection,
  home: Store,
  names: readonly string[],
  carried: Texts = [],
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (let from = 0; from < Math.max(names.length, carried.length); from += page) {
    const lists = {
      names: names.slice(from, from + page),
      carried: carried.slice(from, from + page).flat(),
    };
    const { prefix: _, ...keys } = home.keys;
    const [, texts] = await home.timedWhenFull(
      () =>
        notePauses.run(connection, {
          keys,
          args: { ...home.told, ...home.founding, mover: home.mover },
          lists,
        }),
      ([time]) => time,
    );
    for (let at = 0; at + 1 < texts.length; at += 2) found.set(texts[at] ?? "", texts[at + 1] ?? "");
  }
  return found;
}

/** Makes copies in a partition, and deletes others. @throws EscapementError `STALE_EPOCH` */
export async function copyPauses(connection: Connection, store: Store, copies: Copies): Promise<void> {
  const { there = [], gone = [], carried = [], epoch = "" } = copies;
  const { prefix: _, ...keys } = store.keys;
  const length = Math.max(there.length, gone.length, carried.length);
  for (let from = 0; from < length; from += page) {
    const some = (texts: Texts): string[] => texts.slice(from, from + page).flat();
    const lists = { there: some(there), gone: some(gone), carried: some(carried) };
    await store.timedWhenFull(
      () =>
        copyScript.run(connection, {
          keys,
          args: { ...store.told, ...store.founding, mover: store.mover, epoch },
          lists,
        }),
      (time) => time,
    );
  }
}

/** Tells partition 0 at once that a job has paused itself, if it is yet to be told: what it says is about to be resumed. */
export async function carryNow(store: Store, name: string): Promise<void> {
  const { home, commands, keys } = store;
  const said = await commands.run("reading pauses", (client) => client.hget(keys.carry, name));
  if (said?.startsWith("+") !== true) return;
  const carried = [[name, said]] as const;
  await noteAtHome(home.commands, home, [name], carried);
  await copyPauses(commands, store, { carried });
}

/** How many of these pauses a partition has. */
export async function countPauses(store: Store, names: readonly string[]): Promise<number> {
  const calls: string[][] = [];
  for (let from = 0; from < names.length; from += perCall)
    calls.push(names.slice(from, from + perCall).map((name) => store.keys.pause(name)));
  const counts = await store.lease.run("looking for pauses", (client) =>
    Promise.all(calls.map((keys) => client.exists(...keys))),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Does something in each of these partitions at once. What fails is told: it is made up for without anybody asking. Answers whether all went well. */
export async function inEach(
  stores: readonly Store[],
  work: (store: Store) => Promise<unknown>,
  events: Events | undefined,
): Promise<boolean> {
  const done = await Promise.allSettled(stores.map(work));
  for (const one of done)
    if (one.status === "rejected") events?.emit("error", { step: "pauses", error: one.reason as Error });
  return done.every(({ status }) => status === "fulfilled");
}
