import { movedClock, startRedis, startVoters } from "@escapement/testing";
import { Links } from "./links.js";
import type { Topology } from "./topology.js";

/** What one server is started with. */
export interface SingleOptions {
  /** When the append-only file is written through. @default "always" */
  readonly appendonly?: "always" | "everysec" | "no";
  /** How many independent voters hold the locks. @default none */
  readonly voters?: 3 | 5;
  /** Whether the server has a clock that can be moved, which takes Linux and a C compiler. @default false */
  readonly clock?: boolean;
  /** Whether nodes go through proxies. @default true */
  readonly proxies?: boolean;
}

/** One server, with or without independent voters. */
export async function singleServer(name: string, options: SingleOptions = {}): Promise<Topology> {
  const { appendonly = "always", proxies = true } = options;
  const clock = options.clock ? await movedClock() : undefined;
  const [server, voters] = await Promise.all([
    startRedis({ appendonly, ...(clock && { env: clock.env }) }),
    options.voters === undefined ? undefined : startVoters(options.voters, { appendonly: "always" }),
  ]);
  const servers = { store: [server], watchers: [], voters: voters?.servers ?? [] };
  const links = new Links(servers, ([proxy]) => ({ url: proxy?.url ?? server.url }));
  return {
    name,
    keepsWrites: appendonly === "always",
    ...servers,
    ...(clock && { clock }),
    address: { url: server.url },
    primary: async () => server,
    linkOf: async (node) =>
      proxies
        ? links.of(node)
        : {
            address: { url: server.url },
            voters: voters?.urls ?? [],
            store: [],
            toWatchers: [],
            toVoters: [],
          },
    [Symbol.asyncDispose]: async () => {
      await links.stop();
      await Promise.all([server.stop(), voters?.stop()]);
    },
  };
}
