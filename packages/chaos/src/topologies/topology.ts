import type { Cluster, MovedClock, RedisServer, Sentinel, TcpProxy } from "@escapement/testing";
import type { StoreAddress } from "./address.js";

/** Every connection of one node, so that they can be slowed, cut and held up apart from those of the others. */
export interface Link {
  /** How the node reaches the store, through the proxies. */
  readonly address: StoreAddress;
  /** How it reaches the voters; empty: there are none. */
  readonly voters: readonly string[];
  /** Through which all of it goes; those to the store, in the order of its servers. */
  readonly store: readonly TcpProxy[];
  /** Those to the watchers, in their order. */
  readonly toWatchers: readonly TcpProxy[];
  /** Those to the voters, in their order. */
  readonly toVoters: readonly TcpProxy[];
}

/** Servers and how they stand to each other: what a trial's store and voters are made of. */
export interface Topology extends AsyncDisposable {
  /** The name by which it is chosen on the command line. */
  readonly name: string;
  /**
   * Whether the store keeps each write that it acknowledged, whatever of this package's faults befalls it. Where it does not, the voters, if
   * there are any, are what keeps an attempt from starting twice.
   */
  readonly keepsWrites: boolean;
  /** The servers that hold the store. Which of them takes writes may change: {@link Topology.primary}. */
  readonly store: readonly RedisServer[];
  /** The servers that watch over the store and are no part of it: sentinels. */
  readonly watchers: readonly RedisServer[];
  /** What watches over the store and lets another server take over: sentinels. */
  readonly sentinel?: Sentinel;
  /** The same: the store is a cluster. */
  readonly cluster?: Cluster;
  /** The wall clock of all servers of the store, where it can be moved. */
  readonly clock?: MovedClock;
  /** Independent masters that vote on locks. */
  readonly voters: readonly RedisServer[];
  /** How a bystander reaches the store, through no proxy. */
  readonly address: StoreAddress;
  /** The server that takes the writes to a key now; waits while there is none. */
  primary(key: string): Promise<RedisServer>;
  /** The link of the node of that name: the same at each call. */
  linkOf(node: string): Promise<Link>;
}
