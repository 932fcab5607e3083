import { startCluster, startVoters } from "@escapement/testing";
import { Links } from "./links.js";
import type { Topology } from "./topology.js";

/** Three masters with a replica each. What a master acknowledged is lost in a failover if its replica had it not yet. */
export async function clusterServers(name: string, voters?: 3 | 5): Promise<Topology> {
  const [cluster, votes] = await Promise.all([
    startCluster({ redis: { appendonly: "everysec" } }),
    voters === undefined ? undefined : startVoters(voters, { appendonly: "always" }),
  ]);
  const servers = { store: cluster.servers, watchers: [], voters: votes?.servers ?? [] };
  const links = new Links(servers, (store, _, natMap) => ({
    cluster: store.map(({ port }) => ({ host: "127.0.0.1", port })),
    options: { natMap },
  }));
  return {
    name,
    keepsWrites: false,
    ...servers,
    cluster,
    address: { cluster: cluster.nodes, options: cluster.options },
    primary: (key) => cluster.masterOf(key),
    linkOf: (node) => links.of(node),
    [Symbol.asyncDispose]: async () => {
      await links.stop();
      await Promise.all([cluster.stop(), votes?.stop()]);
    },
  };
}
