import { checkServer, type RedisSource } from "@escapement/redis";
import { connect } from "@escapement/redis/internal";
import type { RunLocks } from "./lock.js";
import type { Settings } from "./options.js";
import { readLeader, readNodes } from "./read-nodes.js";
import type { Store } from "./store.js";

/** One thing that was looked at. */
export interface Finding {
  readonly check: string;
  readonly level: "ok" | "warning" | "error";
  /** What was found, and what to do about it. */
  readonly message: string;
}

/** Looks at the whole cluster: the server, voters, leader, nodes, what is due and not claimed, parked jobs. Writes nothing. */
export async function examine(
  store: Store,
  settings: Settings,
  locks: RunLocks | undefined,
): Promise<Finding[]> {
  const findings: Finding[] = await checkServer(store.commands, { allowEviction: settings.allowEviction });
  await locks?.settled();
  findings.push(voters(locks), ...(await sameVoters(settings, locks)));
  const nodes = await readNodes(store);
  const alive = nodes.filter((node) => node.alive);
  const leader = await readLeader(store);
  findings.push(
    leader === undefined
      ? {
          check: "leader",
          level: alive.length === 0 ? "warning" : "error",
          message:
            "There is no leader: nothing new is scheduled. Start a node with the role leader; an election takes a few seconds.",
        }
      : { check: "leader", level: "ok", message: `Node ${leader.node} leads, in term ${leader.epoch}.` },
  );
  findings.push(
    alive.length === 0
      ? { check: "nodes", level: "error", message: "No node is running. Start one." }
      : { check: "nodes", level: "ok", message: `${alive.length} running.` },
  );
  const dead = nodes.length - alive.length;
  if (dead > 0)
    findings.push({
      check: "dead nodes",
      level: "warning",
      message: `${dead} dead, their runs not all taken over yet.`,
    });
  findings.push(
    ...(await unclaimed(store, alive)),
    await storeClock(store),
    await parked(store),
    await backlog(store),
    await mended(store),
  );
  return findings;
}

function voters(locks: RunLocks | undefined): Finding {
  if (locks === undefined)
    return { check: "voters", level: "ok", message: "The store itself holds the locks." };
  const { voters: all, quorum } = locks.locker.status();
  const down = all.filter(({ up }) => !up);
  if (!quorum)
    return {
      check: "voters",
      level: "error",
      message: `Nothing can start: ${locks.reason()}. Bring a majority of them back.`,
    };
  if (down.length > 0)
    return {
      check: "voters",
      level: "warning",
      message: `${locks.reason()}. Runs go on; one more failure may stop them.`,
    };
  return { check: "voters", level: "ok", message: `All ${all.length} voters answer.` };
}

/** One server under several names votes several times: it refuses the lock that it has just given, and fails as one. */
async function sameVoters(settings: Settings, locks: RunLocks | undefined): Promise<Finding[]> {
  const names = locks?.locker.status().voters.map(({ url }) => url) ?? [];
  const ids = await Promise.all(settings.voters.map((voter) => serverId(voter, settings.deadline)));
  return ids.flatMap((id, index) => {
    const first = ids.indexOf(id);
    if (id === undefined || first === index) return [];
    const message =
      `Voters ${names[first]} and ${names[index]} are the same server, so that locks are refused or less safe than they seem. ` +
      "Each voter must be a Redis of its own.";
    return [{ check: "voters", level: "error", message }];
  });
}

/** What a server calls itself since its start; `undefined` if it cannot be asked. */
async function serverId(voter: RedisSource, deadline: number): Promise<string | undefined> {
  const connection = connect(voter, { profile: "commands", deadline });
  try {
    const text = await connection.run("reading INFO", (client) => client.info("server"));
    return /^run_id:(\w+)/m.exec(text)?.[1];
  } catch {
    return undefined; // that it cannot be reached is another finding
  } finally {
    connection.close();
  }
}

async function unclaimed(store: Store, alive: Awaited<ReturnType<typeof readNodes>>): Promise<Finding[]> {
  const lanes = await store.commands.run("reading ready runs", (client) =>
    client.zrange(store.keys.ready, 0, 999),
  );
  const orphaned = lanes.filter((lane) => {
    const [queue = "", task = ""] = lane.split("@");
    return !alive.some((node) => node.tasks.includes(task) && node.queues.includes(queue));
  });
  if (orphaned.length === 0)
    return [{ check: "unclaimed", level: "ok", message: "Every due run has a node for its task." }];
  return orphaned.map((lane) => {
    const [queue, task] = lane.split("@");
    return {
      check: "unclaimed",
      level: "error",
      message: `Runs of task ${task} in queue ${queue} are due, and no running node has a handler for them. Start one that does.`,
    };
  });
}

async function storeClock(store: Store): Promise<Finding> {
  const [time, seen] = await store.commands.run("reading the time", (client) =>
    Promise.all([client.time(), client.get(store.keys.clock)]),
  );
  const ahead = Number(seen ?? 0) - Number(time[0]) * 1000 - Math.floor(Number(time[1]) / 1000);
  if (ahead < 1000) return { check: "store clock", level: "ok", message: "The store's time goes on." };
  return {
    check: "store clock",
    level: "error",
    message:
      `The store has seen a time ${Math.round(ahead / 1000)} s later than Redis' clock tells now, and stands still until then. ` +
      `If that time was wrong, delete the key ${store.keys.clock}: leases and enqueued runs then go on at once. Jobs go on from the ` +
      "fire times that have been written by then; to have one go on sooner, remove it and define it again.",
  };
}

async function parked(store: Store): Promise<Finding> {
  const ids = await store.commands.run("reading parked jobs", (client) =>
    client.zrange(store.keys.parked, 0, 9),
  );
  if (ids.length === 0) return { check: "parked", level: "ok", message: "No job is parked." };
  return {
    check: "parked",
    level: "error",
    message: `The fire times of these jobs cannot be computed: ${ids.join(", ")}. "escapement job show <id>" tells why; define them anew.`,
  };
}

async function backlog(store: Store): Promise<Finding> {
  const now = await store.now();
  const [[, oldest], [, cursor]] = await store.commands.run("reading the backlog", (client) =>
    Promise.all([
      client.zrange(store.keys.waiting, 0, 0, "WITHSCORES"),
      client.zrange(store.keys.due, 0, 0, "WITHSCORES"),
    ]),
  );
  const late = Math.max(now - Number(oldest ?? now), now - Number(cursor ?? now));
  if (late < 5000) return { check: "lag", level: "ok", message: "What is due is taken up." };
  return {
    check: "lag",
    level: "error",
    message: `Something has been due for ${Math.round(late / 1000)} s. Is there a leader, and a node with free slots?`,
  };
}

/** What the sweeper has put right so far: nothing, unless the store lost writes, somebody deleted keys, or this is a fault of ours. */
async function mended(store: Store): Promise<Finding> {
  const counts = await store.commands.run("reading what was mended", (client) =>
    client.hgetall(store.keys.mended),
  );
  const found = Object.entries(counts).map(([what, count]) => `${what}: ${count}`);
  if (found.length === 0) return { check: "sweeper", level: "ok", message: "Nothing had to be put right." };
  return {
    check: "sweeper",
    level: "warning",
    message:
      `The sweeper has put right: ${found.join(", ")}. Did the store lose writes, or was a key deleted by hand? If neither, report it. ` +
      `The counts are in the key ${store.keys.mended}; delete it to start anew.`,
  };
}
