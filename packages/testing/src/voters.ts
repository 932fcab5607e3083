import { TestingError } from "./errors.js";
import { unsupported } from "./foreign-server.js";
import type { StartRedisOptions } from "./redis-options.js";
import type { RedisServer } from "./redis-server.js";
import { redisWay } from "./redis-way.js";
import { startAll, startRedis } from "./start-redis.js";

/** Independent masters that vote on locks. */
export interface Voters {
  /** The servers, each with its own faults. */
  readonly servers: readonly RedisServer[];
  /** Their addresses, in the same order. */
  readonly urls: readonly string[];
  /** Stops them all. */
  stop(): Promise<void>;
  /** The same as `stop()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts 3 or 5 independent masters.
 *
 * @param options what each of them is started with; a port cannot be given
 * @throws TestingError as `startRedis` does; `UNSUPPORTED` where one given server is all there is
 */
export async function startVoters(
  count: 3 | 5,
  options: Omit<StartRedisOptions, "port" | "dir"> = {},
): Promise<Voters> {
  if (count !== 3 && count !== 5)
    throw new TestingError("INVALID", `There are 3 or 5 voters, not ${String(count)}`);
  if (redisWay() === "url") throw unsupported("start independent voters");
  const servers = await startAll(Array.from({ length: count }, () => startRedis(options)));
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  return { servers, urls: servers.map((server) => server.url), stop, [Symbol.asyncDispose]: stop };
}
