import { aclRules } from "@escapement/redis";
import { createCertificates, startRedis } from "@escapement/testing";
import type { RedisOptions } from "ioredis";
import { Links } from "./links.js";
import type { Topology } from "./topology.js";

/** What the user of a trial with TLS may do: what nodes need, in whichever namespace trials are. */
const rules = aclRules({ namespace: "anyone", role: "node" }).map((rule) => rule.replace("{anyone}", "*"));

/**
 * One server that takes nothing but TLS, with an authority of its own. Nodes and the driver use it as a user who may do no more than schedulers need;
 * bystanders look at all keys, and may do anything.
 */
export async function tlsServer(name: string): Promise<Topology> {
  const user = { name: "escapement", password: "chaos-secret", rules };
  const tls = await createCertificates();
  const server = await startRedis({ appendonly: "always", tls, users: [user] });
  const at = (port: number): RedisOptions => ({
    host: "127.0.0.1",
    port,
    username: user.name,
    password: user.password,
    tls: { ca: tls.ca },
  });
  const servers = { store: [server], watchers: [], voters: [] };
  const links = new Links(servers, ([proxy]) => ({ options: at(proxy?.port ?? server.port) }));
  return {
    name,
    keepsWrites: true,
    ...servers,
    address: { options: { host: "127.0.0.1", port: server.port, tls: { ca: tls.ca } } },
    primary: async () => server,
    linkOf: (node) => links.of(node),
    [Symbol.asyncDispose]: async () => {
      await links.stop();
      await server.stop();
    },
  };
}
