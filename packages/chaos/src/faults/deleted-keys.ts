import type { RedisServer } from "@escapement/testing";
import { found } from "../found.js";
import { type FaultKind, type Hands, named, nothingHappened } from "./fault.js";
import { ask, serverAt, traceWithin } from "./hands.js";

// Somebody deletes what others count on.

/**
 * The leader's lease is deleted. Who led learns of it with its next renewal; somebody, perhaps the same node, leads in a later term. Nothing is
 * late, since the lookahead is longer than that takes.
 */
export const leaderLeaseDeleted: FaultKind = {
  name: "leader-lease-deleted",
  targets: ({ nodes }) => (nodes.length > 0 ? ["leader-lease"] : []),
  lasts: [1, 1],
  settles: 3000,
  begin: async (hands) => {
    const key = keyOf(hands, "leader");
    const before = await lastTerm(hands);
    const deleted = await ask(await hands.trial.topology.primary(key), (client) => client.del(key));
    return {
      proof: async () => {
        if (deleted === 0) return "";
        const term = await found(async () => later(before, await lastTerm(hands)), traceWithin);
        return `DEL ${key} answered ${deleted}; term ${term} came after ${before}`;
      },
    };
  },
};

/** The number of the latest leader's term, by what the store says. */
async function lastTerm(hands: Hands): Promise<number> {
  const key = keyOf(hands, "epoch");
  return Number(await ask(await hands.trial.topology.primary(key), (client) => client.get(key)));
}

function later(before: number, term: number): number | undefined {
  return term > before ? term : undefined;
}

/**
 * A node is taken out of `nodes`, as if its lease had ended: it is dead to all others. Its heartbeat is refused and it starts over under a new
 * identity; what it held has another attempt, or is lost, as the job's delivery says.
 */
export const nodeLeaseDeleted: FaultKind = {
  name: "node-lease-deleted",
  targets: ({ nodes }) => nodes,
  lasts: [1, 1],
  settles: 5000,
  begin: async (hands) => {
    const ids = hands.trial.facts("up").filter(({ node }) => node === hands.target);
    const id = ids.at(-1)?.id;
    if (id === undefined) return nothingHappened;
    const key = keyOf(hands, "nodes");
    const deleted = await ask(await hands.trial.topology.primary(key), (client) => client.zrem(key, id));
    return { proof: () => (deleted > 0 ? `ZREM ${key} ${id} answered ${deleted}` : "") };
  },
};

/**
 * All locks are deleted, on the store or, where there are any, on a voter. Nothing starts twice for that: the store has recorded what has
 * started, and a claim refuses it.
 */
export const locksDeleted: FaultKind = {
  name: "locks-deleted",
  targets: ({ store, voters }) => (voters > 0 ? named("voter", voters) : store > 0 ? ["locks"] : []),
  lasts: [1, 1],
  begin: async (hands) => {
    const { topology } = hands.trial;
    const pattern = keyOf(hands, "lock:*");
    const server = topology.voters.length > 0 ? serverAt(hands) : await topology.primary(pattern);
    const deleted = await deleteAll(server, pattern);
    return { proof: () => (deleted > 0 ? `DEL of ${pattern} answered ${deleted}` : "") };
  },
};

export const deletedKeyFaults: readonly FaultKind[] = [leaderLeaseDeleted, nodeLeaseDeleted, locksDeleted];

function keyOf({ trial }: Hands, name: string): string {
  return `escapement:{${trial.client.namespace}}:${name}`;
}

function deleteAll(server: RedisServer, pattern: string): Promise<number> {
  return ask(server, async (client) => {
    let [cursor, deleted] = ["0", 0];
    do {
      const [next, keys] = await client.scan(cursor, "MATCH", pattern, "COUNT", 1000);
      cursor = next;
      if (keys.length > 0) deleted += await client.del(...keys);
    } while (cursor !== "0");
    return deleted;
  });
}
