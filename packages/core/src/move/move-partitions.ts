import { EscapementError } from "@escapement/redis";
import { partitionOf, show } from "@escapement/redis/internal";
import { fields, orElse, whole } from "../check.js";
import { InvalidOptionError } from "../errors.js";
import { namespaceMoving, readMeta } from "../founding.js";
import { newNodeId } from "../id.js";
import { mostPartitions, type SchedulerOptions, settingsOf } from "../options.js";
import { moveBegin, moveEnd } from "../scripts/of-movers.js";
import { Store } from "../store.js";
import { carry, type Route } from "./carry.js";
import { hearAll } from "./hear.js";
import { kindOf, kinds } from "./kinds.js";
import { Part } from "./part.js";

/** How far a move is. */
export interface MoveProgress {
  /** `look`: whether it can be moved. `copy`, `remove`: each key of each partition is gone through. `end`: the new number is written. */
  readonly step: "look" | "copy" | "remove" | "end";
  /** The partition that is gone through. */
  readonly partition: number;
  /** Keys that have been gone through in this step, of all partitions. */
  readonly keys: number;
}

/** Options of {@link movePartitions}. */
export interface MoveOptions {
  /** How many partitions there are to be, 1 to 256. */
  readonly to: number;
  /** Stops before the next write. What is done stays done, and the namespace marked: the same call goes on. */
  readonly signal?: AbortSignal;
  /** Told of each key. What it throws stops the move, as the signal does. */
  readonly onProgress?: (progress: MoveProgress) => void;
}

/** What {@link movePartitions} did. */
export interface MoveReport {
  readonly from: number;
  readonly to: number;
  /** Keys that were gone through; 0: it had that many partitions. */
  readonly keys: number;
}

/** How many keys are carried at once. */
const atOnce = 8;

/**
 * How many partitions a namespace has; `undefined` if nothing has been written in it yet.
 *
 * @throws EscapementError `NAMESPACE_MOVING` while it is being moved; RedisError
 */
export async function readPartitions(options: SchedulerOptions = {}): Promise<number | undefined> {
  const stores = storesOf(options);
  try {
    const { partitions, moving } = await readMeta(stores.at(0));
    if (moving === undefined) return partitions;
    throw namespaceMoving(moving.to);
  } finally {
    stores.close();
  }
}

/**
 * Moves a namespace to another number of partitions, while nothing of it runs: no node may be alive, and clients are to be stopped. All that there is
 * of jobs and runs is kept; the streams of events of partitions that are no more are not. Fencing tokens and terms go on from the highest.
 *
 * It can be stopped at any point, and dies without harm: until the same call has done the rest, everybody else is refused (`NAMESPACE_MOVING`). A call
 * with another number goes there instead, also back. Who begins while another moves takes over, and the other is refused.
 *
 * @param options as of `createScheduler`; `partitions` is not looked at
 * @throws EscapementError `NODES_ALIVE`, `NAMESPACE_NOT_FOUND`, `UNKNOWN_KEY`: nothing was written; `NAMESPACE_MOVING` if another process has begun;
 *   `ABORTED`; InvalidOptionError; RedisError: repeat the call
 */
export async function movePartitions(options: SchedulerOptions, move: MoveOptions): Promise<MoveReport> {
  const given = fields("options", move, ["to", "signal", "onProgress"]) as Partial<MoveOptions>;
  const to = whole("to", orElse(given.to, 0), 1, mostPartitions);
  if (given.signal !== undefined && !(given.signal instanceof AbortSignal))
    throw new InvalidOptionError("signal", `must be an AbortSignal, not ${show(given.signal)}.`);
  if (given.onProgress !== undefined && typeof given.onProgress !== "function")
    throw new InvalidOptionError("onProgress", `must be a function, not ${show(given.onProgress)}.`);
  const stores = storesOf(options);
  try {
    const { partitions: from, moving } = await readMeta(stores.at(0));
    if (from === undefined && moving === undefined)
      throw new EscapementError(
        "NAMESPACE_NOT_FOUND",
        `There is nothing in the namespace ${stores.at(0).namespace} yet: its number of partitions is that of whoever first writes there.`,
      );
    if (from === to && moving === undefined) return { from, to, keys: 0 };
    const span = Math.max(from ?? 1, to, moving?.span ?? 0);
    const mark = `${to} ${span} ${newNodeId()}`;
    const goOn = (): void => {
      if (given.signal?.aborted)
        throw new EscapementError("ABORTED", "The move was stopped. The same call does the rest.");
    };
    const parts = Array.from({ length: span }, (_, partition) => new Part(stores.at(partition), mark, goOn));
    const hear = (): Promise<void> => hearAll(settingsOf(options), from ?? 1, mark, goOn);
    const keys = await new Move({ parts, to }, mark, given, moving !== undefined, hear).run();
    return { from: from ?? to, to, keys };
  } finally {
    stores.close();
  }
}

interface Stores {
  at(partition: number): Store;
  close(): void;
}

function storesOf(options: SchedulerOptions): Stores {
  const { redis, namespace, retention, deadline } = settingsOf(options);
  const stores = new Map<number, Store>();
  return {
    at(partition) {
      const store =
        stores.get(partition) ??
        new Store({ redis, namespace, partition, retention, deadline, leaseDeadline: deadline });
      stores.set(partition, store);
      return store;
    },
    close() {
      for (const store of stores.values()) store.close();
    },
  };
}

/** One move, from the look at whether it can be to the new number. */
class Move {
  readonly #route: Route;
  readonly #mark: string;
  readonly #options: Partial<MoveOptions>;
  readonly #isMarked: boolean;
  readonly #hear: () => Promise<void>;
  #keys = 0;

  /**
   * @param isMarked whether it was being moved already
   * @param hear has the partitions that there were hear what they have to tell one another
   */
  constructor(
    route: Route,
    mark: string,
    options: Partial<MoveOptions>,
    isMarked: boolean,
    hear: () => Promise<void>,
  ) {
    this.#route = route;
    this.#mark = mark;
    this.#options = options;
    this.#isMarked = isMarked;
    this.#hear = hear;
  }

  /** Answers how many keys it has gone through. */
  async run(): Promise<number> {
    await this.#look();
    await this.#begin();
    await this.#hear();
    // All is copied before anything is taken away: what cannot be copied leaves everything where it was.
    await this.#eachKey("copy", (from, name) => carry(this.#route, from, name, false));
    await this.#eachKey("remove", (from, name) => carry(this.#route, from, name, true));
    const keys = this.#keys;
    await this.#settleNumbers();
    await this.#deriveReady();
    await this.#forget();
    await this.#lendHeld();
    await this.#end();
    return keys;
  }

  /** Refuses what cannot be moved, before anything is written. */
  async #look(): Promise<void> {
    const living = await Promise.all(this.#route.parts.map((part) => alive(part)));
    assertDead(living);
    await this.#eachKey("look", async (from, name) => {
      if (kindOf(name) === undefined)
        throw new EscapementError(
          "UNKNOWN_KEY",
          `The key ${this.#route.parts[from]?.store.keys.prefix}${name} is of no kind that this version knows. Move the namespace with the version that wrote it, or rename the key.`,
        );
    });
  }

  /** Marks all partitions, the first one first: from then on nobody joins or writes. One who has joined since the look is found now. */
  async #begin(): Promise<void> {
    const { parts } = this.#route;
    for (const [partition, part] of parts.entries()) {
      const { keys, commands, founding } = part.store;
      const { meta, nodes, clock } = keys;
      const living = await moveBegin.run(commands, {
        keys: { meta, nodes, clock },
        args: { layout: founding.layout, mark: this.#mark },
      });
      if (living.length === 0) continue;
      if (!this.#isMarked)
        for (const marked of parts.slice(0, partition).reverse()) await this.#unmark(marked, 0);
      assertDead(parts.map((_, at) => (at === partition ? living : [])));
    }
  }

  async #eachKey(
    step: MoveProgress["step"],
    work: (from: number, name: string) => Promise<void>,
  ): Promise<void> {
    this.#keys = 0;
    for (const [partition, part] of this.#route.parts.entries()) {
      for await (const names of part.keys()) {
        for (let at = 0; at < names.length; at += atOnce) {
          this.#tell(step, partition);
          const some = names.slice(at, at + atOnce);
          await Promise.all(some.map((name) => work(partition, name)));
          this.#keys += some.length;
        }
      }
    }
  }

  #tell(step: MoveProgress["step"], partition: number): void {
    this.#options.onProgress?.({ step, partition, keys: this.#keys });
  }

  /** What must not go back goes on from the highest that any partition has seen. */
  async #settleNumbers(): Promise<void> {
    const { parts, to } = this.#route;
    for (const [name] of Object.entries(kinds).filter(([, kind]) => kind === "highest")) {
      const values = await Promise.all(
        parts.map((part) =>
          part.ask("reading a number", (client) => client.get(part.store.keys.prefix + name)),
        ),
      );
      const highest = values.reduce<string | null>(
        (most, value) => (isNumber(value) && (most === null || BigInt(value) > BigInt(most)) ? value : most),
        null,
      );
      if (highest === null) continue;
      const page = { type: "string", ttl: -1, offset: 0, items: [[highest]] } as const;
      for (const [partition, part] of parts.slice(0, to).entries()) {
        this.#tell("end", partition);
        await part.put(name, page);
      }
    }
  }

  /** `ready` says of each queue and task when its first due run was due. */
  async #deriveReady(): Promise<void> {
    for (const [partition, part] of this.#route.parts.slice(0, this.#route.to).entries()) {
      this.#tell("end", partition);
      const { keys } = part.store;
      const lanes = new Map<string, string>();
      for await (const names of part.keys("ready:"))
        for (const name of names) {
          const [, score] = await part.ask("reading due runs", (client) =>
            client.zrange(keys.prefix + name, 0, 0, "WITHSCORES"),
          );
          if (score !== undefined) lanes.set(name.slice("ready:".length), score);
        }
      await part.replace("ready", { type: "zset", ttl: -1 }, [...lanes]);
    }
  }

  /**
   * What partitions had to tell one another was heard. The messages go first: without what says which of them were applied they would be so again. What movers
   * that died had gathered was gathered anew.
   */
  async #forget(): Promise<void> {
    for (const start of ["outbox:", ""])
      for (const [partition, part] of this.#route.parts.entries())
        for await (const names of part.keys(start)) {
          this.#tell("end", partition);
          for (const name of names)
            if (["between", "gathered"].includes(kindOf(name)?.kind ?? "")) await part.drop(name, "string");
        }
  }

  /** Places of limits that runs hold are borrowed where these are now. The home counts what is, as after a failover, before it lends or uses any. */
  async #lendHeld(): Promise<void> {
    const { parts, to } = this.#route;
    const page = { type: "hash", ttl: -1, offset: 0 } as const;
    for (const [partition, part] of parts.slice(0, to).entries())
      for await (const names of part.keys("held:"))
        for (const name of names) {
          const scope = name.slice("held:".length);
          const home = partitionOf(scope, to);
          const count = await part.ask("counting places", (client) =>
            client.scard(part.store.keys.prefix + name),
          );
          if (home === partition || count === 0) continue;
          const numbers = { received: count, called: 0, returned: 0 };
          const items = Object.entries(numbers).map(([field, value]) => [field, String(value)]);
          await part.put(`borrowed:${scope}`, { ...page, items });
          await parts[home]?.put(`lent:${scope}`, { ...page, items: [["history", "-"]] });
        }
  }

  /**
   * Empties what is to be no more, and lets everybody in again, the first partition last. The number stays written in `meta` of all, so that a process that
   * slept through it all is refused wherever it goes on.
   */
  async #end(): Promise<void> {
    const { parts, to } = this.#route;
    for (const [index, part] of parts.slice(to).entries())
      for await (const names of part.keys()) {
        this.#tell("end", to + index);
        for (const name of names) if (name !== "meta") await this.#empty(part, name);
      }
    for (const [partition, part] of [...parts.entries()].reverse()) {
      this.#tell("end", partition);
      await this.#unmark(part, to);
    }
  }

  async #empty(part: Part, name: string): Promise<void> {
    if (["members", "edges", "whole", "owner"].includes(kindOf(name)?.kind ?? ""))
      throw new EscapementError(
        "NAMESPACE_MOVING",
        `Somebody has written ${part.store.keys.prefix}${name} since it was moved. Stop all clients, and repeat the move.`,
      );
    await part.drop(name, "string");
  }

  async #unmark(part: Part, partitions: number): Promise<void> {
    const { keys, commands, founding } = part.store;
    await moveEnd.run(commands, {
      keys: { meta: keys.meta },
      args: { mark: this.#mark, layout: founding.layout, partitions },
    });
  }
}

function isNumber(text: string | null): text is string {
  return text !== null && /^\d+$/.test(text);
}

async function alive({ store }: Part): Promise<string[]> {
  const now = await store.now();
  return store.commands.run("reading nodes", (client) =>
    client.zrange(store.keys.nodes, now, "+inf", "BYSCORE", "LIMIT", 0, 100),
  );
}

/** @param living the nodes that live in each partition */
function assertDead(living: readonly (readonly string[])[]): void {
  const found = new Map<string, number[]>();
  for (const [partition, nodes] of living.entries())
    for (const node of nodes) found.set(node, [...(found.get(node) ?? []), partition]);
  if (found.size === 0) return;
  const who = [...found].map(([node, where]) => `${node} in ${where.join(", ")}`);
  throw new EscapementError(
    "NODES_ALIVE",
    `Nodes are alive (and in these partitions: ${who.slice(0, 10).join("; ")}${who.length > 10 ? "; and more" : ""}). Stop them; one that died is taken for alive until its lease ends.`,
  );
}
