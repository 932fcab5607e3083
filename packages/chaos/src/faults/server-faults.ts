import type { RedisServer } from "@escapement/testing";
import { type Befallen, type FaultKind, type Hands, named, numberIn } from "./fault.js";

const onStore: FaultKind["targets"] = ({ store }) => named("store", store);
const onVoters: FaultKind["targets"] = ({ voters }) => named("voter", voters);

/** SIGTERM, and the same server at once. */
export const storeRestart: FaultKind = {
  name: "redis-restart",
  targets: onStore,
  lasts: [1, 1],
  begin: async (hands) => restart(hands, "shutdown"),
};

/** SIGKILL, and the same server after a while. */
export const storeKill: FaultKind = {
  name: "redis-kill",
  targets: onStore,
  lasts: [1, 2500],
  begin: async (hands) => restart(hands, "kill"),
};

/** SIGSTOP and SIGCONT. */
export const storeFreeze: FaultKind = {
  name: "redis-freeze",
  targets: onStore,
  lasts: [200, 3000],
  begin: freeze,
};

/** A voter gets SIGKILL. */
export const voterKill: FaultKind = {
  name: "voter-kill",
  targets: onVoters,
  lasts: [100, 4000],
  begin: async (hands) => restart(hands, "kill"),
};

/** A voter gets SIGSTOP and SIGCONT. */
export const voterFreeze: FaultKind = {
  name: "voter-freeze",
  targets: onVoters,
  lasts: [200, 4000],
  begin: freeze,
};

async function restart(hands: Hands, how: "kill" | "shutdown"): Promise<Befallen> {
  const server = serverOf(hands);
  const before = server.pid;
  await server[how]();
  const gone = server.pid === undefined;
  return {
    end: () => server.restart(),
    proof: () =>
      gone && server.pid !== before ? `process ${before} ended, ${server.pid} came after it` : "",
  };
}

async function freeze(hands: Hands): Promise<Befallen> {
  const server = serverOf(hands);
  await server.freeze();
  const answer = await Promise.race([ping(server), hands.trial.lasts(50).then(() => "none")]);
  return {
    end: () => server.thaw(),
    proof: () => (answer === "none" ? `process ${server.pid} answered nothing` : ""),
  };
}

async function ping(server: RedisServer): Promise<string> {
  const client = server.client({ maxRetriesPerRequest: 0 });
  return client.ping().catch(() => "none");
}

function serverOf({ trial: { topology }, target }: Hands): RedisServer {
  const servers = target.startsWith("voter") ? topology.voters : topology.store;
  const server = servers[numberIn(target)];
  if (server === undefined) throw new Error(`There is no server ${target}`);
  return server;
}
