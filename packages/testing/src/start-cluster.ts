import { ask } from "./ask.js";
import { type Cluster, RunningCluster } from "./cluster.js";
import { memberOf } from "./cluster-view.js";
import { eventually } from "./eventually.js";
import { freePort } from "./free-port.js";
import type { StartRedisOptions } from "./redis-options.js";
import type { RedisServer } from "./redis-server.js";
import { startAll, startMember } from "./start-redis.js";

/** What a cluster is started with. */
export interface StartClusterOptions {
  /** @default 3 */
  readonly masters?: number;
  /** How many replicas each master has. @default 1 */
  readonly replicas?: number;
  /** `cluster-node-timeout`: milliseconds without an answer after which a server is taken to be down. @default 1000 */
  readonly nodeTimeout?: number;
  /** What each of the servers is started with. */
  readonly redis?: Omit<StartRedisOptions, "port" | "dir" | "tls" | "users">;
}

/**
 * Starts a Redis Cluster. Resolves when all servers find it in order and each replica is in sync.
 *
 * @throws TestingError `UNSUPPORTED` for any way but "process", `START_FAILED`, or `DEADLINE` if it does not come about in 30 s
 */
export async function startCluster(options: StartClusterOptions = {}): Promise<Cluster> {
  const { masters = 3, replicas = 1 } = options;
  const busPorts = new Map<RedisServer, number>();
  const start = async (): Promise<RedisServer> => {
    for (let attempt = 1; ; attempt++) {
      const busPort = await freePort();
      try {
        const server = await startMember("start a cluster", memberOptions(options, busPort), {});
        busPorts.set(server, busPort);
        return server;
      } catch (error) {
        // Somebody else may have taken the bus port since it was found free.
        const taken = error instanceof Error && error.message.includes(`port ${busPort} (cluster)`);
        if (!taken || attempt === 5) throw error;
      }
    }
  };
  const servers = await startAll(Array.from({ length: masters * (1 + replicas) }, start));
  const cluster = new RunningCluster(servers, options.redis?.password);
  try {
    const owners = servers.slice(0, masters);
    await Promise.all(owners.map((owner, index) => own(owner, index, masters)));
    for (const server of servers.slice(1)) await meet(servers[0], server, busPorts);
    await eventually(async () => {
      const known = await Promise.all(servers.map((server) => knownBy(server)));
      return known.every((count) => count === servers.length);
    }, within);
    await Promise.all(servers.slice(masters).map((server, index) => follow(server, owners[index % masters])));
    await cluster.inOrder();
    await eventually(async () => {
      const counts = await Promise.all(owners.map((owner) => cluster.replicasOf(owner)));
      return counts.every(({ length }) => length === replicas);
    }, within);
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

const within = { within: 30_000, every: 50 } as const;

function memberOptions(
  { nodeTimeout = 1000, redis }: StartClusterOptions,
  busPort: number,
): StartRedisOptions {
  const args = [
    ...["--cluster-enabled", "yes", "--cluster-node-timeout", String(nodeTimeout)],
    ...["--cluster-port", String(busPort), "--cluster-announce-ip", "127.0.0.1"],
    ...["--repl-diskless-sync-delay", "0"],
    ...(redis?.password === undefined ? [] : ["--masterauth", redis.password]),
  ];
  return { ...redis, args: [...args, ...(redis?.args ?? [])] };
}

/** Gives a master its share of the slots, and the number of an election of its own, so that none has to be settled later. */
async function own(master: RedisServer, index: number, masters: number): Promise<void> {
  const client = master.client();
  const [first, next] = [index, index + 1].map((part) => Math.floor((part * 16_384) / masters));
  await client.cluster("SET-CONFIG-EPOCH", index + 1);
  await client.call("CLUSTER", "ADDSLOTSRANGE", String(first), String(Number(next) - 1));
  client.disconnect();
}

async function meet(
  first: RedisServer | undefined,
  server: RedisServer,
  busPorts: ReadonlyMap<RedisServer, number>,
): Promise<void> {
  const client = first?.client();
  await client?.call("CLUSTER", "MEET", "127.0.0.1", String(server.port), String(busPorts.get(server)));
  client?.disconnect();
}

/** How many servers this one has shaken hands with, itself among them. */
async function knownBy(server: RedisServer): Promise<number> {
  const nodes = String(await ask(server, (client) => client.cluster("NODES")));
  return nodes.split("\n").filter((line) => line !== "" && !/handshake|noaddr/.test(line)).length;
}

async function follow(server: RedisServer, master: RedisServer | undefined): Promise<void> {
  const id = master && (await memberOf(master))?.id;
  const client = server.client();
  await eventually(() => client.cluster("REPLICATE", String(id)), within);
  client.disconnect();
}
