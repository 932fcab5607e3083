import type { Redis } from "ioredis";
import type { ClusterMember } from "./cluster-view.js";
import type { RedisServer } from "./redis-server.js";

/** How a slot is moved. */
export interface MigrateOptions {
  /** How many keys are moved at once. @default 10 */
  readonly batch?: number;
  /** Called when both sides know that the slot is on its way, before any key has moved, and after each batch, with how many have. */
  readonly meanwhile?: (moved: number) => unknown;
}

/** Which slot goes from where to where. */
export interface Migration {
  readonly slot: number;
  readonly from: ClusterMember;
  readonly to: ClusterMember;
  readonly password: string | undefined;
}

/**
 * Moves a slot as `redis-cli --cluster reshard` does. While it is on its way, the old owner answers ASK for keys that it has not, the new
 * one takes only what was asked for so, and what needs keys of both gets TRYAGAIN.
 */
export async function migrateSlot(migration: Migration, options: MigrateOptions): Promise<void> {
  const { slot, from, to, password } = migration;
  if (from.id === to.id) return;
  const [source, target] = [from, to].map(({ server }) => adminOf(server)) as [Redis, Redis];
  try {
    await target.cluster("SETSLOT", slot, "IMPORTING", from.id);
    await source.cluster("SETSLOT", slot, "MIGRATING", to.id);
    let moved = 0;
    await options.meanwhile?.(moved);
    for (;;) {
      const keys = await source.cluster("GETKEYSINSLOT", slot, options.batch ?? 10);
      if (keys.length === 0) break;
      const auth = password === undefined ? [] : ["AUTH", password];
      await source.call("MIGRATE", "127.0.0.1", to.server.port, "", 0, 5000, ...auth, "KEYS", ...keys);
      moved += keys.length;
      await options.meanwhile?.(moved);
    }
    // The new owner first: were it the last, and the old one died meanwhile, nobody would have the slot.
    await target.cluster("SETSLOT", slot, "NODE", to.id);
    await source.cluster("SETSLOT", slot, "NODE", to.id);
  } finally {
    source.disconnect();
    target.disconnect();
  }
}

function adminOf(server: RedisServer): Redis {
  return server.client({ maxRetriesPerRequest: 1, commandTimeout: 10_000 });
}
