import { EscapementError } from "@escapement/redis";
import { partitionOf } from "@escapement/redis/internal";
import type { Definition } from "./definition.js";
import type { Store } from "./store.js";

/** What of a definition ties a job to others. */
export type Tied = Pick<Definition, "dependsOn" | "then">;

/** The partitions that have to hear of what is written of jobs, since these are tied, or were, to jobs there. */
export class Ties {
  readonly #store: Store;
  readonly #partitions = new Set<number>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** A job that is defined as it says, whether that changes it or not. `record`: what is stored of it before. */
  add({ dependsOn, then }: Tied, record: string | undefined): void {
    if (this.#store.carrier === undefined) return;
    for (const id of [...dependsOn, ...then, ...namedIn(record)])
      this.#partitions.add(partitionOf(id, this.#store.partitions));
  }

  /** Waits until the ties stand in all partitions. @throws EscapementError `TIES_PENDING` */
  stand(): Promise<void> {
    return tiesStand(this.#store, [...this.#partitions], "What was defined is written");
  }
}

/**
 * The ids of jobs that are defined together, in the order in which they are to be written: those that depend on others of them come first, so that no
 * run of a parent ends before those know of it that are to follow.
 */
export function inTurn(jobs: readonly ({ readonly id: string } & Partial<Tied>)[]): Set<string>[] {
  const children = new Map<string, string[]>(jobs.map(({ id }) => [id, []]));
  for (const { id, dependsOn, then } of jobs) {
    for (const parent of dependsOn ?? []) children.get(parent)?.push(id);
    children.get(id)?.push(...(then ?? []));
  }
  const turns = new Map<string, number>();
  const turnOf = (id: string): number => {
    const known = turns.get(id);
    if (known !== undefined) return known;
    const turn = Math.max(-1, ...(children.get(id) ?? []).map(turnOf)) + 1;
    turns.set(id, turn);
    return turn;
  };
  const sets: Set<string>[] = [new Set()];
  for (const { id } of jobs) {
    const turn = turnOf(id);
    for (let at = sets.length; at <= turn; at += 1) sets.push(new Set());
    sets[turn]?.add(id);
  }
  return sets;
}

/** The jobs that a stored one's definition names: what the script reads of its record. */
function namedIn(record = ""): string[] {
  const [head = ""] = record.split("\n", 1);
  return [...head.matchAll(/ (?:dp|th)=(\S+)/g)].flatMap(([, ids = ""]) => ids.split(","));
}

/**
 * Waits until other partitions have applied all that a step has left for them.
 *
 * @param done what is done already, for the error's message
 * @throws EscapementError `TIES_PENDING` if that cannot be had within the deadline
 */
export async function tiesStand(store: Store, partitions: readonly number[], done: string): Promise<void> {
  const { carrier, partition } = store;
  if (carrier === undefined) return;
  const others = partitions.filter((other) => other !== partition);
  try {
    await Promise.all(others.map((other) => carrier.carry(partition, other)));
  } catch (error) {
    throw new EscapementError(
      "TIES_PENDING",
      `${done}, but partitions ${others.join(", ")} are yet to hear of its ties to jobs there: that stands in an outbox, and is carried as soon as they can be reached. ${(error as Error).message}`,
      { cause: error },
    );
  }
}

/** Waits until partitions have heard all that others of them have to tell, so that what stands there can be judged. */
export async function settleTies(store: Store, jobs: Iterable<string>): Promise<void> {
  const { carrier } = store;
  if (carrier === undefined) return;
  const partitions = [...new Set([...jobs].map((id) => partitionOf(id, store.partitions)))];
  await Promise.all(
    partitions.flatMap((teller) =>
      partitions.filter((other) => other !== teller).map((other) => carrier.carry(teller, other)),
    ),
  );
}
