import { startProxy, startRedis, startVoters, type TcpProxy } from "@escapement/testing";
import type { Link, Topology } from "./topology.js";

/** What one server is started with. */
export interface SingleOptions {
  /** When the append-only file is written through. @default "always" */
  readonly appendonly?: "always" | "everysec" | "no";
  /** How many independent voters hold the locks. @default none */
  readonly voters?: 3 | 5;
  /** Whether nodes go through proxies. @default true */
  readonly proxies?: boolean;
}

/** One server, with or without independent voters. */
export async function singleServer(name: string, options: SingleOptions = {}): Promise<Topology> {
  const { appendonly = "always", proxies = true } = options;
  const [server, voters] = await Promise.all([
    startRedis({ appendonly }),
    options.voters === undefined ? undefined : startVoters(options.voters, { appendonly: "always" }),
  ]);
  const links = new Links(server.url, voters?.urls ?? []);
  return {
    name,
    keepsWrites: appendonly === "always",
    store: [server],
    watchers: [],
    voters: voters?.servers ?? [],
    address: { url: server.url },
    primary: async () => server,
    linkOf: async (node) =>
      proxies
        ? links.of(node)
        : { address: { url: server.url }, voters: voters?.urls ?? [], store: [], toVoters: [] },
    [Symbol.asyncDispose]: async () => {
      await links.stop();
      await Promise.all([server.stop(), voters?.stop()]);
    },
  };
}

class Links {
  readonly #store: string;
  readonly #voters: readonly string[];
  readonly #links = new Map<string, Promise<Link>>();

  constructor(store: string, voters: readonly string[]) {
    this.#store = store;
    this.#voters = voters;
  }

  of(node: string): Promise<Link> {
    const link = this.#links.get(node) ?? this.#open();
    this.#links.set(node, link);
    return link;
  }

  async stop(): Promise<void> {
    const links = await Promise.all(this.#links.values());
    const proxies: TcpProxy[] = links.flatMap(({ store, toVoters }) => [...store, ...toVoters]);
    await Promise.all(proxies.map((proxy) => proxy.stop()));
  }

  async #open(): Promise<Link> {
    const proxy = await startProxy(this.#store);
    const toVoters = await Promise.all(this.#voters.map((url) => startProxy(url)));
    const voters = toVoters.map(({ url }) => url);
    return { address: { url: proxy.url }, voters, store: [proxy], toVoters };
  }
}
