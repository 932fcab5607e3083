import { ask } from "./ask.js";
import { eventually } from "./eventually.js";
import type { StartRedisOptions } from "./redis-options.js";
import type { RedisServer } from "./redis-server.js";
import { RunningSentinel, type Sentinel } from "./sentinel.js";
import { startAll, startMember } from "./start-redis.js";

/** What a master with replicas and sentinels is started with. */
export interface StartSentinelOptions {
  /** @default 2 */
  readonly replicas?: number;
  /** How many sentinels watch; more than half of them must agree that the master is gone. @default 3 */
  readonly sentinels?: number;
  /** The name by which sentinels know the master. @default "mymaster" */
  readonly name?: string;
  /** Milliseconds without an answer after which a sentinel takes a server to be down. @default 1000 */
  readonly downAfter?: number;
  /** Milliseconds that one try at a failover may take; twice as long after it another may begin. @default 3000 */
  readonly failoverTimeout?: number;
  /** What each of the servers is started with, the sentinels not. */
  readonly redis?: Omit<StartRedisOptions, "port" | "dir" | "tls" | "users">;
}

const what = "start sentinels";

/**
 * Starts a master, its replicas, and sentinels. Resolves when the replicas are in sync and all sentinels know of each other and of them, so
 * that whichever server is lost, a failover can begin.
 *
 * @throws TestingError `UNSUPPORTED` for any way but "process", `START_FAILED`, or `DEADLINE` if it does not come about in 30 s
 */
export async function startSentinel(options: StartSentinelOptions = {}): Promise<Sentinel> {
  const { replicas = 2, sentinels: count = 3, name = "mymaster", redis = {} } = options;
  const servers = await startAll(
    Array.from({ length: replicas + 1 }, () => startMember(what, redis, { inFile: true })),
  );
  const [master, ...others] = servers as [RedisServer, ...RedisServer[]];
  const { password } = redis;
  const auth = password === undefined ? {} : { password };
  const started: RedisServer[] = [];
  try {
    for (const server of servers) await follow(server, server === master ? undefined : master, password);
    const settings = sentinelSettings(options, name, count, master.port);
    started.push(
      ...(await startAll(Array.from({ length: count }, () => startMember(what, {}, { sentinel: settings })))),
    );
    const sentinel = new RunningSentinel(name, servers, started, auth);
    await sentinel.inSync();
    await eventually(async () => areComplete(await lists(started, name), others.length, count - 1), {
      within: 30_000,
      every: 50,
    });
    return sentinel;
  } catch (error) {
    await Promise.all([...started, ...servers].map((server) => server.stop()));
    throw error;
  }
}

function sentinelSettings(
  options: StartSentinelOptions,
  name: string,
  count: number,
  port: number,
): string[] {
  const { downAfter = 1000, failoverTimeout = 3000, redis } = options;
  const quorum = Math.floor(count / 2) + 1;
  return [
    ...["--sentinel", "monitor", name, "127.0.0.1", String(port), String(quorum)],
    ...["--sentinel", "down-after-milliseconds", name, String(downAfter)],
    ...["--sentinel", "failover-timeout", name, String(failoverTimeout)],
    ...["--sentinel", "parallel-syncs", name, "2"],
    ...(redis?.password === undefined ? [] : ["--sentinel", "auth-pass", name, redis.password]),
  ];
}

/** Makes a server a replica, and keeps that in its file: on the command line it would come back at each restart, whoever is master then. */
async function follow(
  server: RedisServer,
  master: RedisServer | undefined,
  password: string | undefined,
): Promise<void> {
  const client = server.client();
  if (password !== undefined) await client.config("SET", "masterauth", password);
  // A replica that has to fetch everything is not kept waiting for others that may come.
  await client.config("SET", "repl-diskless-sync-delay", 0);
  if (master !== undefined) await client.replicaof("127.0.0.1", master.port);
  await client.config("REWRITE");
  client.disconnect();
}

/** How many replicas and other sentinels each sentinel knows that are in order. */
async function lists(sentinels: readonly RedisServer[], name: string): Promise<[number, number][]> {
  const inOrder = (found: unknown): number =>
    (Array.isArray(found) ? found : []).filter((fields: string[]) => {
      const flags = fields[fields.indexOf("flags") + 1] ?? "";
      return /^(slave|sentinel)$/.test(flags);
    }).length;
  return Promise.all(
    sentinels.map(async (sentinel): Promise<[number, number]> => {
      const found = await ask(sentinel, (client) =>
        Promise.all([client.call("SENTINEL", "REPLICAS", name), client.call("SENTINEL", "SENTINELS", name)]),
      );
      return [inOrder(found?.[0]), inOrder(found?.[1])];
    }),
  );
}

function areComplete(known: readonly [number, number][], replicas: number, others: number): boolean {
  return known.every(([slaves, sentinels]) => slaves >= replicas && sentinels >= others);
}
