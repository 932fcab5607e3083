import { EscapementError } from "@escapement/core";
import {
  type Claimed,
  completeAndClaim,
  enqueueRuns,
  join,
  leave,
  type Store,
} from "@escapement/core/internal";
import { partitionOf } from "../partitions.js";
import type { Operation } from "./operations.js";

/** The queue and task of runs that only impostors take. */
export const impostors = "impostors";

/**
 * A node that says what it must not: that a run ended which another one holds, or one of its own under another token; or that sends a request
 * twice, as after a lost reply, and should get the same answer. It joins for that, one partition after the other, and leaves again.
 */
export class Impostor {
  readonly #stores: readonly [Store, ...Store[]];
  #count = 0;
  #runs = 0;

  /** @param stores of all partitions, in order */
  constructor(stores: readonly [Store, ...Store[]]) {
    this.#stores = stores;
  }

  get #store(): Store {
    return this.#stores[this.#count % this.#stores.length] ?? this.#stores[0];
  }

  /** @throws EscapementError `STALE_WRITE` when it was refused, as it should be */
  async say({ stale }: Extract<Operation, { do: "impostor" }>): Promise<string> {
    this.#count += 1;
    const node = `impostor-${this.#count}`;
    await this.#join(node);
    try {
      const taken = stale === "holder" ? await this.#forAnother(node) : await this.#forItself(node, stale);
      if (!taken) throw new EscapementError("STALE_WRITE", "It was not taken.");
      return "taken";
    } finally {
      await this.#leave(node);
    }
  }

  async #forAnother(node: string): Promise<boolean> {
    const { keys, commands } = this.#store;
    const nodes = await commands.run("reading nodes", (client) => client.zrange(keys.nodes, 0, -1));
    for (const other of nodes) {
      const held = await commands.run("reading runs", (client) => client.hgetall(keys.active(other)));
      const [first] = Object.entries(held);
      if (first === undefined) continue;
      const [run, text] = first;
      return this.#complete(node, 1, run, text.split(" ")[0] ?? "");
    }
    return false;
  }

  async #forItself(node: string, stale: "token" | "request"): Promise<boolean> {
    const options = { queue: impostors, delivery: "at-most-once" } as const;
    await enqueueRuns(this.#store, impostors, [this.#named(options), this.#named(options)], 65_536);
    const [own] = await this.#claim(node, 1);
    if (own === undefined) return false;
    if (stale === "token") {
      const taken = await this.#complete(node, 2, own.run, String(BigInt(own.token) - 1n));
      await this.#complete(node, 3, own.run, own.token, "b");
      return taken;
    }
    const [again] = await this.#claim(node, 1);
    for (const [index, { run, token }] of [own, ...(again === undefined ? [] : [again])].entries())
      await this.#complete(node, 2 + index, run, token, "b");
    return again?.token !== own.token;
  }

  /** Where there are several partitions a run lies where its id says. */
  #named<Options extends object>(options: Options): Options & { readonly id?: string } {
    const { partition, partitions } = this.#store;
    if (partitions === 1) return options;
    for (;;) {
      this.#runs += 1;
      const id = `impostor-run-${this.#runs}`;
      if (partitionOf(id, partitions) === partition) return { ...options, id };
    }
  }

  async #claim(node: string, number: number): Promise<readonly Claimed[]> {
    const lanes = [`${impostors}@${impostors}`];
    return (await this.#exchange(node, number, { slots: 1, lanes, completions: [] })).claimed;
  }

  async #complete(
    node: string,
    number: number,
    run: string,
    token: string,
    outcome: "s" | "b" = "s",
  ): Promise<boolean> {
    const completions = [{ run, token, outcome, detail: "", result: "" }];
    return (await this.#exchange(node, number, { slots: 0, lanes: [], completions })).accepted[0] ?? false;
  }

  #exchange(
    node: string,
    number: number,
    own: Pick<Parameters<typeof completeAndClaim>[1], "slots" | "lanes" | "completions">,
  ): ReturnType<typeof completeAndClaim> {
    return completeAndClaim(this.#store, { node, number, lockTtl: 300_000, leaseTtl: 10_000, ...own });
  }

  async #join(node: string): Promise<void> {
    const { keys, told, lease } = this.#store;
    const info = JSON.stringify({
      roles: ["worker"],
      queues: [impostors],
      tasks: [impostors],
      concurrency: 1,
    });
    const began = await this.#store.now(lease);
    const own = { node, ttl: 10_000, info, ...this.#store.founding, again: 0, began };
    await join.run(lease, { keys, args: { ...told, ...own }, lists: { formers: [] } });
  }

  async #leave(node: string): Promise<void> {
    const { keys, lease, told } = this.#store;
    const own = { active: keys.active(node), request: keys.request(node), cancelled: keys.cancelled(node) };
    await leave.run(lease, { keys: { ...keys, ...own }, args: { ...told, node } });
  }
}
