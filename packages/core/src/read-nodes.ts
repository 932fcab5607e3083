import type { Store } from "./store.js";

/** A running instance, as it described itself. */
export interface NodeInfo {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly startedAt: Date;
  readonly tasks: readonly string[];
  readonly queues: readonly string[];
  readonly roles: readonly string[];
  readonly concurrency: number;
  /** Until when its lease holds, by Redis' clock. */
  readonly leaseUntil: Date;
  /** Whether the lease holds now. */
  readonly alive: boolean;
  /** Runs that it holds. */
  readonly active: number;
  /** How far its machine's clock is from Redis', in ms, positive: ahead, as it last said; `undefined` if it did not. Decides nothing. */
  readonly clockOffset: number | undefined;
  /** Its loops that do not go round any more, as it last said: it should be restarted. */
  readonly stuck: readonly ("worker" | "leader")[];
  /** When it last let go of the leader's lease because its loop stood still. */
  readonly stalledAt: Date | undefined;
  /** When it was last asked to let another lead, and did. */
  readonly resignedAt: Date | undefined;
}

/** Who leads. */
export interface LeaderInfo {
  readonly node: string;
  /** The number of its term. */
  readonly epoch: number;
  /** Until when its lease holds, by Redis' clock, if it is not renewed. */
  readonly leaseUntil: Date;
}

/** Who leads a partition. */
export interface PartitionLeader extends LeaderInfo {
  readonly partition: number;
}

/** All nodes that have not left, dead ones whose runs are not taken over yet included. */
export async function readNodes(store: Store): Promise<NodeInfo[]> {
  const { keys } = store;
  return store.commands.run("reading nodes", async (client) => {
    const [leases, infos, dead, time, seen] = await Promise.all([
      client.zrange(keys.nodes, 0, -1, "WITHSCORES"),
      client.hgetall(keys.nodeInfo),
      client.zrange(keys.dead, 0, -1),
      client.time(),
      client.get(keys.clock),
    ]);
    const now = Math.max(Number(time[0]) * 1000, Number(seen ?? 0));
    const ends = new Map<string, number>(dead.map((id) => [id, 0]));
    for (let index = 0; index < leases.length; index += 2)
      ends.set(leases[index] ?? "", Number(leases[index + 1]));
    const ids = [...ends.keys()];
    const held = await Promise.all(ids.map((id) => client.hlen(keys.active(id))));
    return ids.map((id, index) => {
      const info = JSON.parse(infos[id] ?? "{}") as Partial<Record<string, unknown>>;
      const end = ends.get(id) ?? 0;
      return {
        id,
        host: String(info["host"] ?? "?"),
        pid: Number(info["pid"] ?? 0),
        version: String(info["version"] ?? "?"),
        startedAt: new Date(Number(info["startedAt"] ?? 0)),
        tasks: (info["tasks"] ?? []) as string[],
        queues: (info["queues"] ?? []) as string[],
        roles: (info["roles"] ?? []) as string[],
        concurrency: Number(info["concurrency"] ?? 0),
        leaseUntil: new Date(end),
        alive: end >= now,
        active: held[index] ?? 0,
        clockOffset: info["clockOffset"] as number | undefined,
        stuck: (info["stuck"] ?? []) as ("worker" | "leader")[],
        stalledAt: timeIn(info["stalledAt"]),
        resignedAt: timeIn(info["resignedAt"]),
      };
    });
  });
}

function timeIn(value: unknown): Date | undefined {
  return value === undefined ? undefined : new Date(Number(value));
}

/** The leader; `undefined` while there is none. */
export async function readLeader(store: Store): Promise<LeaderInfo | undefined> {
  const { keys } = store;
  // Both of one moment: the node of one term must not be told with the number of the next.
  const [[node, epoch], left] = await store.commands.run("reading the leader", (client) =>
    Promise.all([client.mget(keys.leader, keys.epoch), client.pttl(keys.leader)]),
  );
  if (node == null) return undefined;
  return { node, epoch: Number(epoch), leaseUntil: new Date((await store.nearlyNow()) + left) };
}
