import { clusterServers } from "./cluster.js";
import { sentinelServers } from "./sentinel.js";
import { singleServer } from "./single.js";
import { tlsServer } from "./tls.js";
import type { Topology } from "./topology.js";

/** The topologies that trials run on, by the names that `--topology` takes. */
export const topologies: Readonly<Record<string, () => Promise<Topology>>> = {
  single: () => singleServer("single"),
  everysec: () => singleServer("everysec", { appendonly: "everysec" }),
  "everysec-voters-3": () => singleServer("everysec-voters-3", { appendonly: "everysec", voters: 3 }),
  "no-aof": () => singleServer("no-aof", { appendonly: "no" }),
  clock: () => singleServer("clock", { clock: true }),
  "voters-3": () => singleServer("voters-3", { voters: 3 }),
  "voters-5": () => singleServer("voters-5", { voters: 5 }),
  sentinel: () => sentinelServers("sentinel"),
  "sentinel-voters-3": () => sentinelServers("sentinel-voters-3", 3),
  cluster: () => clusterServers("cluster"),
  "cluster-voters-3": () => clusterServers("cluster-voters-3", 3),
  tls: () => tlsServer("tls"),
};
