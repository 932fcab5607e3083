import type { RedisServer } from "@escapement/testing";
import { type Befallen, type FaultKind, type Hands, named, nothingHappened } from "./fault.js";
import { anyPartition, ask, infoNumber, partitionsOn } from "./hands.js";

// Another server takes over. Where the old one had acknowledged what the new one had not yet, that is lost: without voters an attempt may start again
// then, with voters none does; outcomes may be lost either way, and what is not known to have run runs again.

const onReplicated: FaultKind["targets"] = ({ store }) => (store > 1 ? ["primary"] : []);
const allServers: FaultKind["others"] = ({ store, watchers }) => [
  ...named("store", store),
  ...named("watcher", watchers),
];

/** A replica becomes the master: since that was killed, or since somebody says so. The old one comes back as a replica. */
export const failover: FaultKind = {
  name: "failover",
  targets: onReplicated,
  others: allServers,
  lasts: [500, 3000],
  settles: 8000,
  begin: async (hands) => {
    const { cluster, sentinel } = hands.trial.topology;
    const { key, old } = await masterOf(hands);
    const how = cluster
      ? hands.random.pick(["SIGKILL", "default", "force", "takeover"] as const)
      : hands.random.pick(["SIGKILL", "SENTINEL FAILOVER"] as const);
    if (how === "SIGKILL") await old.kill();
    else if (how === "SENTINEL FAILOVER") await sentinel?.failover();
    else {
      const [replica] = (await cluster?.replicasOf(old)) ?? [];
      if (replica === undefined) return nothingHappened;
      await cluster?.failover({ replica, how });
    }
    return takenOver(hands, key, old, how);
  },
};

/**
 * Replicas fall behind: they stand still and are cut off, while the master goes on and takes writes. Then it is killed, and one of them becomes the
 * master without these.
 */
export const replicaLag: FaultKind = {
  name: "replica-lag",
  targets: onReplicated,
  others: allServers,
  lasts: [500, 3000],
  settles: 8000,
  begin: async (hands) => {
    const { key, old } = await masterOf(hands);
    const { cluster, sentinel } = hands.trial.topology;
    const own = cluster && { partitions: await partitionsOn(hands.trial, old) };
    const replicas = (await (cluster?.replicasOf(old) ?? sentinel?.replicas())) ?? [];
    await Promise.all(replicas.map((replica) => replica.freeze()));
    let lost = 0;
    try {
      // They could still read what waits in a connection that is there.
      await ask(old, (client) => client.call("CLIENT", "KILL", "TYPE", "replica"));
      const before = await infoNumber(old, "replication", "master_repl_offset");
      await hands.trial.lasts(hands.random.between(300, 2000));
      lost = (await infoNumber(old, "replication", "master_repl_offset")) - before;
      await old.kill();
    } finally {
      await Promise.all(replicas.map((replica) => replica.thaw()));
    }
    const { end, proof } = await takenOver(hands, key, old, "SIGKILL");
    return {
      ...own,
      ...(end && { end }),
      proof: async () => {
        const seen = await proof();
        return seen && lost > 0 ? `${seen}, without the last ${lost} bytes of writes` : "";
      },
    };
  },
};

/** The slot of all keys, of a partition's, moves to another master, in steps: who asks the wrong one hears ASK, TRYAGAIN and MOVED. Nothing is lost. */
export const slotMigration: FaultKind = {
  name: "slot-migration",
  targets: ({ topology, store }) => (topology.startsWith("cluster") && store > 1 ? ["slot"] : []),
  others: allServers,
  lasts: [1, 1],
  settles: 3000,
  begin: async (hands) => {
    const { cluster } = hands.trial.topology;
    const { key, old: from } = await masterOf(hands);
    const masters = await mastersOf(cluster?.servers ?? []);
    const others = masters.filter((server) => server !== from);
    const [first, ...more] = others;
    if (cluster === undefined || first === undefined) return nothingHappened;
    const to = hands.random.pick([first, ...more]);
    await cluster.migrateSlot(key, to);
    const now = await hands.trial.topology.primary(key);
    return {
      proof: () =>
        now === to && now !== from ? `the slot went from port ${from.port} to port ${to.port}` : "",
    };
  },
};

export const failoverFaults: readonly FaultKind[] = [failover, replicaLag, slotMigration];

async function takenOver(hands: Hands, key: string, old: RedisServer, how: string): Promise<Befallen> {
  const now = await another(hands, key, old);
  const [role] = await ask(now, (client) => client.role());
  return {
    end: async () => {
      if (old.pid === undefined) await old.restart();
      await (hands.trial.topology.cluster?.inOrder() ?? hands.trial.topology.sentinel?.inSync());
    },
    proof: () =>
      now !== old && role === "master"
        ? `${how}: the master was at port ${old.port}, then at ${now.port}`
        : "",
  };
}

/** Waits for another master than `old`. */
async function another(hands: Hands, key: string, old: RedisServer): Promise<RedisServer> {
  for (const end = performance.now() + 30_000; performance.now() < end; ) {
    const now = await hands.trial.topology.primary(key);
    if (now !== old) return now;
    await hands.trial.lasts(50);
  }
  return old;
}

async function mastersOf(servers: readonly RedisServer[]): Promise<RedisServer[]> {
  const roles = await Promise.all(
    servers.map((server) => ask(server, (client) => client.role()).catch(() => [])),
  );
  return servers.filter((_, index) => roles[index]?.[0] === "master");
}

/** The master of a partition, and a key by which to find who is later. */
async function masterOf(hands: Hands): Promise<{ readonly key: string; readonly old: RedisServer }> {
  const key = hands.trial.keyOf("jobs", anyPartition(hands));
  return { key, old: await hands.trial.topology.primary(key) };
}
