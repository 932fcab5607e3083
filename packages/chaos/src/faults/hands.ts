import type { RedisServer } from "@escapement/testing";
import type { Redis } from "ioredis";
import type { ChaosNode } from "../nodes/chaos-node.js";
import type { Trial } from "../trial.js";
import { type Hands, numberIn } from "./fault.js";

/** How long what befalls a node lasts, in ms, if the lease of the node is to outlast it. */
export const shorterThanLease = [200, 4000] as const;

/** The same if it is to outlast the lease, which is 10 s. */
export const longerThanLease = [10_500, 13_000] as const;

/** How long what a fault brings about is waited for, in ms: what has not shown by then does not count. */
export const traceWithin = 6000;

/** The node that is the target. */
export function nodeAt({ trial, target }: Pick<Hands, "trial" | "target">): ChaosNode {
  const node = trial.nodes.get(target);
  if (node === undefined) throw new Error(`There is no node ${target}`);
  return node;
}

/** Whether a node's process has joined. One that has just been started, after another fault, does not listen to signals yet. */
export function hasJoined({ trial }: Pick<Hands, "trial">, { name, since }: ChaosNode): boolean {
  return trial.facts("up").some(({ node, at }) => node === name && at >= since);
}

/** The server that is the target, by the names that `named()` gives. */
export function serverAt({ trial: { topology }, target }: Pick<Hands, "trial" | "target">): RedisServer {
  const kinds = { store: topology.store, watcher: topology.watchers, voter: topology.voters };
  const servers = kinds[target.slice(0, target.lastIndexOf("-")) as keyof typeof kinds];
  const server = servers?.[numberIn(target)];
  if (server === undefined) throw new Error(`There is no server ${target}`);
  return server;
}

/** One of the partitions, drawn where there are several. */
export function anyPartition({ trial, random }: Pick<Hands, "trial" | "random">): number {
  return trial.partitions === 1 ? 0 : random.between(0, trial.partitions - 1);
}

/** The partitions whose keys this server takes the writes to. */
export async function partitionsOn(trial: Trial, server: RedisServer): Promise<number[]> {
  const all = Array.from({ length: trial.partitions }, (_, partition) => partition);
  const primaries = await Promise.all(
    all.map((partition) => trial.topology.primary(trial.keyOf("clock", partition))),
  );
  return all.filter((partition) => primaries[partition] === server);
}

/** Uses a connection to a server, which gives up soon where nothing answers. */
export async function ask<T>(server: RedisServer, what: (client: Redis) => Promise<T>): Promise<T> {
  const client = server.client({ maxRetriesPerRequest: 0, enableReadyCheck: false });
  try {
    return await what(client);
  } finally {
    client.disconnect();
  }
}

/** The number behind `name` in a section of what INFO says, `name:5` or `name:count=5`; 0 where it is not there. */
export async function infoNumber(server: RedisServer, section: string, name: string): Promise<number> {
  const info = await ask(server, (client) => client.info(section));
  const line = info.split("\r\n").find((one) => one.startsWith(`${name}:`));
  return Number(line?.slice(name.length + 1).replace("count=", "") ?? 0);
}
