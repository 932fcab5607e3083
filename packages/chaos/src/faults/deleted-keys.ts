import type { RedisServer } from "@escapement/testing";
import { found } from "../found.js";
import { type FaultKind, type Hands, named, nothingHappened } from "./fault.js";
import { anyPartition, ask, serverAt, traceWithin } from "./hands.js";

// Somebody deletes what others count on.

/** For so many ms two processes' views of the machine's clock may differ. */
const blur = 5;

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
    const { trial } = hands;
    const partition = anyPartition(hands);
    const [key, terms] = [trial.keyOf("leader", partition), trial.keyOf("epoch", partition)];
    const server = await hands.trial.topology.primary(key);
    if (!(await answers(server))) return nothingHappened;
    const asked = Date.now();
    // In one step: what is seen of the lease is seen as it goes.
    const seen = await ask(server, (client) =>
      client.multi().get(terms).pttl(key).del(key).exists(key).exec(),
    );
    const [term = 0, left = 0, deleted, isThere] = (seen ?? []).map(([, answer]) => Number(answer));
    if (deleted !== 1 || isThere !== 0) return nothingHappened;
    const deletion = { partition, term, at: asked - blur, endsAt: asked + left };
    return {
      proof: async () => {
        const within = Math.max(traceWithin, left + 1000);
        const trace = await found(() => traceOf(hands, deletion), within);
        return trace && `DEL ${key} answered ${deleted}, and it was gone; ${trace}`;
      },
    };
  },
};

/**
 * What nodes took down of the end of a term whose lease was deleted. Its leader's renewal was refused, or the next term began while the lease
 * would have lasted: another fault that ends terms lets them last for as long. Empty: its leader let go of it by itself.
 */
function traceOf(
  { trial }: Hands,
  deletion: {
    readonly partition: number;
    readonly term: number;
    readonly at: number;
    readonly endsAt: number;
  },
): string | undefined {
  const { partition, term, endsAt } = deletion;
  for (const { node, event, details, at } of trial.facts("event")) {
    if (event !== "leaderLost" || at < deletion.at) continue;
    const { epoch, reason, partition: of = 0 } = details as Lost;
    if (epoch !== term || of !== partition) continue;
    if (reason === "refused") return `${node} was refused the lease of term ${term}`;
    if (reason !== "expired") return "";
  }
  const [next] = trial
    .facts("elected")
    .filter(({ epoch, at, partition: of = 0 }) => of === partition && epoch > term && at >= deletion.at)
    .sort((a, b) => a.epoch - b.epoch);
  if (next === undefined || next.at >= endsAt) return undefined;
  return `${next.node} led in term ${next.epoch} ${endsAt - next.at} ms before that of term ${term} would have ended`;
}

/** What a node tells of the end of its term. */
interface Lost {
  readonly epoch: number;
  readonly reason: string;
  readonly partition?: number;
}

/**
 * A node is taken out of `nodes`, as if its lease had ended: it is dead to all others. Its heartbeat is refused and it starts over under a new
 * identity; what it held has another attempt, or is lost, as the job's delivery says. Of several
 * partitions that happens in one.
 */
export const nodeLeaseDeleted: FaultKind = {
  name: "node-lease-deleted",
  targets: ({ nodes }) => nodes,
  lasts: [1, 1],
  settles: 5000,
  begin: async (hands) => {
    const ids = hands.trial.facts("up").filter(({ node }) => node === hands.target);
    if (ids.length === 0) return nothingHappened;
    const key = hands.trial.keyOf("nodes", anyPartition(hands));
    const server = await hands.trial.topology.primary(key);
    if (!(await answers(server))) return nothingHappened;
    const id = hands.trial.partitions === 1 ? ids.at(-1)?.id : await latestIn(server, key, ids);
    if (id === undefined) return nothingHappened;
    const deleted = await ask(server, (client) => client.zrem(key, id));
    // It may be about to join under another identity.
    return deleted > 0 ? { proof: () => `ZREM ${key} ${id} answered ${deleted}` } : nothingHappened;
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
    const { topology, partitions } = hands.trial;
    const votes = topology.voters.length > 0;
    // A voter has the locks of all partitions.
    const of = votes ? Array.from({ length: partitions }, (_, each) => each) : [anyPartition(hands)];
    const patterns = of.map((partition) => hands.trial.keyOf("lock:*", partition));
    const [pattern = ""] = patterns;
    const server = votes ? serverAt(hands) : await topology.primary(pattern);
    if (!(await answers(server))) return nothingHappened;
    let deleted = 0;
    for (const each of patterns) deleted += await deleteAll(server, each);
    return deleted > 0 ? { proof: () => `DEL of ${pattern} answered ${deleted}` } : nothingHappened;
  },
};

export const deletedKeyFaults: readonly FaultKind[] = [leaderLeaseDeleted, nodeLeaseDeleted, locksDeleted];

/** Whether a server answers: what it was asked before it went away may have been done, and must not be asked again. */
function answers(server: RedisServer): Promise<boolean> {
  return ask(server, (client) => client.ping()).then(
    () => true,
    () => false,
  );
}

/** By what name a process is listed there, of those that it has had. */
async function latestIn(
  server: RedisServer,
  key: string,
  ids: readonly { readonly id: string }[],
): Promise<string | undefined> {
  const listed = new Set(await ask(server, (client) => client.zrange(key, 0, -1)));
  return ids.findLast(({ id }) => listed.has(id))?.id;
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
