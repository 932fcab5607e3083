import { type RedisServer, startProxy, type TcpProxy } from "@escapement/testing";
import type { StoreAddress } from "./address.js";
import type { Link } from "./topology.js";

/** What nodes reach through proxies of their own. */
export interface LinkedServers {
  readonly store: readonly RedisServer[];
  readonly watchers: readonly RedisServer[];
  readonly voters: readonly RedisServer[];
}

/** Where a server's proxy is, by where the server is: what ioredis calls `natMap`. */
export type NatMap = Readonly<Record<string, { readonly host: string; readonly port: number }>>;

/** The links of the nodes of a trial, each opened when it is first asked for. */
export class Links {
  readonly #servers: LinkedServers;
  readonly #addressOf: (
    store: readonly TcpProxy[],
    watchers: readonly TcpProxy[],
    natMap: NatMap,
  ) => StoreAddress;
  readonly #links = new Map<string, Promise<Link>>();

  /** @param addressOf how the store is reached through proxies, which are in the order of the servers */
  constructor(
    servers: LinkedServers,
    addressOf: (store: readonly TcpProxy[], watchers: readonly TcpProxy[], natMap: NatMap) => StoreAddress,
  ) {
    this.#servers = servers;
    this.#addressOf = addressOf;
  }

  /** The link of the node of that name: the same at each call. */
  of(node: string): Promise<Link> {
    const link = this.#links.get(node) ?? this.#open();
    this.#links.set(node, link);
    return link;
  }

  /** Ends all proxies. */
  async stop(): Promise<void> {
    const links = await Promise.all(this.#links.values());
    const proxies = links.flatMap(({ store, toWatchers, toVoters }) => [
      ...store,
      ...toWatchers,
      ...toVoters,
    ]);
    await Promise.all(proxies.map((proxy) => proxy.stop()));
  }

  async #open(): Promise<Link> {
    const { store, watchers, voters } = this.#servers;
    const [toStore, toWatchers, toVoters] = await Promise.all([
      before(store),
      before(watchers),
      before(voters),
    ]);
    const natMap: Record<string, { host: string; port: number }> = {};
    for (const [servers, proxies] of [
      [store, toStore],
      [watchers, toWatchers],
    ] as const)
      for (const [index, { port }] of servers.entries())
        natMap[`127.0.0.1:${port}`] = { host: "127.0.0.1", port: proxies[index]?.port ?? port };
    return {
      address: this.#addressOf(toStore, toWatchers, natMap),
      voters: toVoters.map(({ url }) => url),
      store: toStore,
      toWatchers,
      toVoters,
    };
  }
}

function before(servers: readonly RedisServer[]): Promise<TcpProxy[]> {
  return Promise.all(servers.map(({ url }) => startProxy(url)));
}
