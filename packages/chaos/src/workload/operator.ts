import type { Cluster, Redis } from "ioredis";
import { dumpStore } from "../evidence/store-dump.js";
import { prefixOf } from "../partitions.js";

/** Who pauses with plain SET and DEL of keys of the first partition, where there are several, through a connection of their own that no proxy disturbs. */
export class Operator {
  readonly #redis: Redis | Cluster;
  readonly #namespace: string;
  readonly #prefix: string;

  /** @param redis without an offline queue and without retries: what fails has been sent once at most */
  constructor(redis: Redis | Cluster, namespace: string) {
    this.#redis = redis;
    this.#namespace = namespace;
    this.#prefix = `${prefixOf(namespace, 0)}pause:`;
  }

  async set(name: string, ttl: number | undefined): Promise<string> {
    const key = this.#prefix + name;
    const answer = await (ttl === undefined
      ? this.#redis.set(key, "by hand")
      : this.#redis.set(key, "by hand", "PX", ttl));
    return String(answer);
  }

  del(name: string): Promise<number> {
    return this.#redis.del(this.#prefix + name);
  }

  /** The names of all pauses that there are. */
  async names(): Promise<string[]> {
    return Object.keys(await dumpStore(this.#redis, this.#namespace, "live")).flatMap((name) =>
      name.startsWith("pause:") ? [name.slice("pause:".length)] : [],
    );
  }
}
