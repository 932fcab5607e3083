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
