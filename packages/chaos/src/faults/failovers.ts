import type { RedisServer } from "@escapement/testing";
import { type Befallen, type FaultKind, type Hands, named, nothingHappened } from "./fault.js";
import { ask, infoNumber } from "./hands.js";

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
    const old = await primaryOf(hands);
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
    return takenOver(hands, old, how);
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
    const old = await primaryOf(hands);
    const { cluster, sentinel } = hands.trial.topology;
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
    const { end, proof } = await takenOver(hands, old, "SIGKILL");
    return {
      ...(end && { end }),
      proof: async () => {
        const seen = await proof();
        return seen && lost > 0 ? `${seen}, without the last ${lost} bytes of writes` : "";
      },
    };
  },
};

/** The slot of all keys moves to another master, in steps: who asks the wrong one hears ASK, TRYAGAIN and MOVED. Nothing is lost. */
export const slotMigration: FaultKind = {
  name: "slot-migration",
  targets: ({ topology, store }) => (topology.startsWith("cluster") && store > 1 ? ["slot"] : []),
  others: allServers,
  lasts: [1, 1],
  settles: 3000,
  begin: async (hands) => {
    const { cluster } = hands.trial.topology;
    const from = await primaryOf(hands);
    const masters = await mastersOf(cluster?.servers ?? []);
    const others = masters.filter((server) => server !== from);
    const [first, ...more] = others;
    if (cluster === undefined || first === undefined) return nothingHappened;
    const to = hands.random.pick([first, ...more]);
    await cluster.migrateSlot(keyOf(hands), to);
    const now = await primaryOf(hands);
    return {
      proof: () =>
        now === to && now !== from ? `the slot went from port ${from.port} to port ${to.port}` : "",
    };
  },
};

export const failoverFaults: readonly FaultKind[] = [failover, replicaLag, slotMigration];

async function takenOver(hands: Hands, old: RedisServer, how: string): Promise<Befallen> {
  const now = await another(hands, old);
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
async function another(hands: Hands, old: RedisServer): Promise<RedisServer> {
  for (const end = performance.now() + 30_000; performance.now() < end; ) {
    const now = await primaryOf(hands);
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

function primaryOf(hands: Hands): Promise<RedisServer> {
  return hands.trial.topology.primary(keyOf(hands));
}

function keyOf({ trial }: Hands): string {
  return `escapement:{${trial.client.namespace}}:jobs`;
}
