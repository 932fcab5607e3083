import { eventually, type RedisServer } from "@escapement/testing";
import { type Befallen, type FaultKind, type Hands, named } from "./fault.js";
import { ask, serverAt } from "./hands.js";

const onStore: FaultKind["targets"] = ({ store }) => named("store", store);
const onVoters: FaultKind["targets"] = ({ voters }) => named("voter", voters);
const onWatchers: FaultKind["targets"] = ({ watchers }) => named("watcher", watchers);
const onMostVoters: FaultKind["targets"] = ({ voters }) => (voters > 0 ? ["voters"] : []);

/** SIGTERM, and the same server at once. Nothing is lost; its scripts are forgotten. */
export const storeRestart: FaultKind = {
  name: "redis-restart",
  targets: onStore,
  lasts: [1, 1],
  begin: async (hands) => end([serverAt(hands)], "shutdown"),
};

/** SIGKILL, and the same server after a while. */
export const storeKill: FaultKind = {
  name: "redis-kill",
  targets: onStore,
  lasts: [1, 2500],
  begin: async (hands) => end([serverAt(hands)], "kill"),
};

/** SIGSTOP and SIGCONT: what was asked meanwhile is answered late, when those who asked have given it up. */
export const storeFreeze: FaultKind = {
  name: "redis-freeze",
  targets: onStore,
  lasts: [200, 3000],
  begin: async (hands) => freeze([serverAt(hands)], hands),
};

/** A sentinel gets SIGKILL, and comes back after a while. The others are enough. */
export const sentinelKill: FaultKind = {
  name: "sentinel-kill",
  targets: onWatchers,
  lasts: [100, 4000],
  begin: async (hands) => end([serverAt(hands)], "kill"),
};

/** A sentinel gets SIGSTOP and SIGCONT. Who asks it for the master waits in vain, and asks another one. */
export const sentinelFreeze: FaultKind = {
  name: "sentinel-freeze",
  targets: onWatchers,
  lasts: [200, 4000],
  begin: async (hands) => freeze([serverAt(hands)], hands),
};

/** A voter gets SIGTERM, and is there again at once. The others are enough. */
export const voterRestart: FaultKind = {
  name: "voter-restart",
  targets: onVoters,
  lasts: [1, 1],
  begin: async (hands) => end([serverAt(hands)], "shutdown"),
};

/** A voter gets SIGKILL. The others are enough. */
export const voterKill: FaultKind = {
  name: "voter-kill",
  targets: onVoters,
  lasts: [100, 4000],
  begin: async (hands) => end([serverAt(hands)], "kill"),
};

/** A voter gets SIGSTOP and SIGCONT. The others are enough. */
export const voterFreeze: FaultKind = {
  name: "voter-freeze",
  targets: onVoters,
  lasts: [200, 4000],
  begin: async (hands) => freeze([serverAt(hands)], hands),
};

/** Most voters get SIGKILL at once: nothing is granted a lock and starts until they are back, and then it goes on. */
export const votersKill: FaultKind = {
  name: "most-voters-kill",
  targets: onMostVoters,
  others: onVoters,
  lasts: [1000, 5000],
  begin: async (hands) => end(mostVoters(hands), "kill"),
};

/** Most voters get SIGSTOP and SIGCONT at once. */
export const votersFreeze: FaultKind = {
  name: "most-voters-freeze",
  targets: onMostVoters,
  others: onVoters,
  lasts: [1000, 5000],
  begin: async (hands) => freeze(mostVoters(hands), hands),
};

/** As few as make up a majority, beginning with any of them. */
function mostVoters({ trial, random }: Hands): RedisServer[] {
  const { voters } = trial.topology;
  const first = random.between(0, voters.length - 1);
  const turned = [...voters.slice(first), ...voters.slice(0, first)];
  return turned.slice(0, Math.floor(voters.length / 2) + 1);
}

async function end(servers: readonly RedisServer[], how: "kill" | "shutdown"): Promise<Befallen> {
  const before = servers.map(({ pid }) => pid);
  await Promise.all(servers.map((server) => server[how]()));
  const gone = servers.every(({ pid }) => pid === undefined);
  return {
    end: () => Promise.all(servers.map((server) => server.restart())),
    proof: () =>
      gone && before.every((pid) => pid !== undefined)
        ? servers.map(({ pid }, index) => `process ${before[index]} ended, ${pid} came after it`).join(", ")
        : "",
  };
}

async function freeze(servers: readonly RedisServer[], { lasts }: Hands): Promise<Befallen> {
  await Promise.all(servers.map((server) => server.freeze()));
  const asked = performance.now();
  const answers = servers.map((server) => answered(server, lasts).then(() => performance.now() - asked));
  let thawed = 0;
  return {
    end: async () => {
      thawed = performance.now() - asked;
      await Promise.all(servers.map((server) => server.thaw()));
    },
    proof: async () => {
      const times = await Promise.all(answers);
      return times.every((time) => time >= thawed)
        ? servers
            .map(
              ({ pid }, index) => `process ${pid} answered a PING after ${Math.round(times[index] ?? 0)} ms`,
            )
            .join(", ")
        : "";
    },
  };
}

/** Resolves when a PING that is sent now has been answered: it waits where the server stands still. */
function answered(server: RedisServer, lasts: number): Promise<unknown> {
  return eventually(() => ask(server, (client) => client.ping()), { within: lasts + 20_000 });
}
