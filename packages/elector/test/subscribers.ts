import type { JobStore } from "@escapement/testing";

/** How many listen to resignations from the lease under a key: there where the key is. */
export async function subscribersOf(store: JobStore, key: string): Promise<number> {
  const client = (await store.masterOf(key)).client();
  const [, count] = await client.pubsub("NUMSUB", `${key}:resigned`);
  client.disconnect();
  return Number(count);
}
