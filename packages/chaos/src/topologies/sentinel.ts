import { startSentinel, startVoters } from "@escapement/testing";
import { Links } from "./links.js";
import type { Topology } from "./topology.js";

/** A master, two replicas and three sentinels. What the master acknowledged is lost in a failover if no replica had it yet. */
export async function sentinelServers(name: string, voters?: 3 | 5): Promise<Topology> {
  const [sentinel, votes] = await Promise.all([
    startSentinel({ redis: { appendonly: "everysec" } }),
    voters === undefined ? undefined : startVoters(voters, { appendonly: "always" }),
  ]);
  const servers = {
    store: sentinel.servers,
    watchers: sentinel.sentinels,
    voters: votes?.servers ?? [],
  };
  const links = new Links(servers, (_, watchers, natMap) => ({
    options: {
      sentinels: watchers.map(({ port }) => ({ host: "127.0.0.1", port })),
      name: sentinel.name,
      natMap,
    },
  }));
  return {
    name,
    keepsWrites: false,
    ...servers,
    sentinel,
    address: { options: sentinel.options },
    primary: () => sentinel.primary(),
    linkOf: (node) => links.of(node),
    [Symbol.asyncDispose]: async () => {
      await links.stop();
      await Promise.all([sentinel.stop(), votes?.stop()]);
    },
  };
}
