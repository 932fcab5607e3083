import type { RedisSource } from "@escapement/core";
import { Cluster, type ClusterOptions, type RedisOptions } from "ioredis";

/** How a process reaches a store, as JSON can say it: one server, sentinels among ioredis' options, or a cluster. */
export type StoreAddress =
  | { readonly url: string }
  | { readonly options: RedisOptions }
  | {
      readonly cluster: readonly { readonly host: string; readonly port: number }[];
      readonly options: ClusterOptions;
    };

/** What `createScheduler` takes for an address. Of a cluster it takes over the options only: the client itself never connects. */
export function sourceOf(address: StoreAddress): RedisSource {
  if ("url" in address) return address.url;
  if (!("cluster" in address)) return address.options;
  return new Cluster([...address.cluster], { ...address.options, lazyConnect: true });
}
