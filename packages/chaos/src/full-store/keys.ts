import type { Trial } from "../trial.js";

/** The store's own keys, as docs/redis-layout.md names them. */
export interface StoreKeys {
  hashIds(key: string): Promise<string[]>;
  setIds(key: string): Promise<string[]>;
  /** What the sweeper has mended, and how often. */
  mended(): Promise<Readonly<Record<string, string>>>;
}

/** Looks at a trial's store by plain commands. */
export function keysOf({ redis, client }: Trial): StoreKeys {
  const key = (name: string): string => `escapement:{${client.namespace}}:${name}`;
  const plain = redis.client();
  return {
    hashIds: (name) => plain.hkeys(key(name)),
    setIds: (name) => plain.zrange(key(name), 0, -1),
    mended: () => plain.hgetall(key("mended")),
  };
}
