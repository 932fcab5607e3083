import { type JobStore, onEach } from "@escapement/testing";

/** How often a command has been called, on all servers. */
export async function callsOf(store: JobStore, command: string): Promise<number> {
  const calls = new RegExp(`cmdstat_${command}:calls=(\\d+)`);
  const each = await onEach(store, async (redis) => calls.exec(await redis.info("commandstats"))?.[1]);
  return each.reduce((sum, count) => sum + Number(count ?? 0), 0);
}
