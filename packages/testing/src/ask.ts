import type { Redis } from "ioredis";
import type { RedisServer } from "./redis-server.js";

/** What a server answers, or `undefined` if it does not within a second: it may be frozen, or gone. */
export async function ask<T>(
  server: RedisServer,
  question: (client: Redis) => Promise<T>,
): Promise<T | undefined> {
  if (server.pid === undefined) return undefined;
  const client = server.client({
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: 1000,
    commandTimeout: 1000,
  });
  try {
    await client.connect();
    return await question(client);
  } catch {
    return undefined;
  } finally {
    client.disconnect();
  }
}
