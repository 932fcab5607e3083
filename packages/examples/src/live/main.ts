import { createScheduler } from "@escapement/core";
import { type RedisServer, redisWay, startRedis, uniqueNamespace } from "@escapement/testing";
import { readOptions, usage } from "./options.js";
import { Show } from "./show.js";

/**
 * Shows a cluster at work, until its time is over or somebody presses Ctrl-C.
 *
 * @param args the command line, see `usage`
 * @returns the exit code: 0 only if no fire time was missed or started twice
 */
export async function runLive(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    console.log(usage);
    return 0;
  }
  const options = readOptions(args);
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop.abort());
  await using redis = await startRedis(redisWay() === "url" ? {} : { appendonly: "everysec" });
  const namespace = uniqueNamespace("live");
  try {
    await using client = createScheduler({ redis: redis.url, namespace });
    return await new Show({ options, client, redisUrl: redis.url, stop: stop.signal }).run();
  } finally {
    if (redis.way === "url") await removeKeys(redis, namespace);
  }
}

/** What this left on a server that is not ours. */
async function removeKeys(redis: RedisServer, namespace: string): Promise<void> {
  const client = redis.client();
  for await (const keys of client.scanStream({ match: `escapement:{${namespace}}:*`, count: 500 }))
    if ((keys as string[]).length > 0) await client.unlink(...(keys as string[]));
}
