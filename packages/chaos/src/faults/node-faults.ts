import type { LeaderInfo, PartitionLeader } from "@escapement/core";
import type { ChaosNode } from "../nodes/chaos-node.js";
import { type Befallen, type FaultKind, type Hands, nothingHappened } from "./fault.js";
import { hasJoined, longerThanLease, nodeAt, shorterThanLease } from "./hands.js";

const onNodes: FaultKind["targets"] = ({ nodes }) => nodes;
const onLeader: FaultKind["targets"] = ({ nodes }) => (nodes.length > 0 ? ["leader"] : []);
const onAll: FaultKind["targets"] = ({ nodes }) => (nodes.length > 0 ? ["nodes"] : []);

/** SIGKILL, and another process after a while. What it ran is lost, and has another attempt if its job's delivery says so. */
export const nodeKill: FaultKind = {
  name: "node-kill",
  targets: onNodes,
  lasts: [100, 4000],
  begin: (hands) => kill(hands, nodeAt(hands)),
};

/** The same of the node that leads when it happens. Another takes its term over; what is due within the lookahead is not late. */
export const leaderKill: FaultKind = {
  name: "leader-kill",
  targets: onLeader,
  lasts: [100, 4000],
  begin: (hands) => ofLeader(hands, kill),
};

/** SIGTERM, and another process at once. Its runs come to their end, or are handed back. */
export const nodeRestart: FaultKind = {
  name: "node-restart",
  targets: onNodes,
  lasts: [1, 1],
  settles: 17_000,
  begin: async (hands) => {
    const node = nodeAt(hands);
    if (!hasJoined(hands, node)) return nothingHappened;
    await node.stop();
    return startedAgain(hands, [node], "SIGTERM", (exit) => exit === "exit code 0");
  },
};

/** SIGSTOP and SIGCONT, for less than its lease: it goes on as if nothing had been. */
export const nodeFreeze: FaultKind = {
  name: "node-freeze",
  targets: onNodes,
  lasts: shorterThanLease,
  begin: (hands) => freeze(hands, nodeAt(hands)),
};

/** The same for longer than its lease: it is declared dead, its runs are given to others, and it starts over under a new identity. */
export const nodeFreezeLong: FaultKind = {
  name: "node-freeze-long",
  targets: onNodes,
  lasts: longerThanLease,
  begin: (hands) => freeze(hands, nodeAt(hands)),
};

/** The node that leads when it happens is frozen for less than its lease, which may be longer than the leader's. */
export const leaderFreeze: FaultKind = {
  name: "leader-freeze",
  targets: onLeader,
  lasts: shorterThanLease,
  begin: (hands) => ofLeader(hands, freeze),
};

/** The same for longer than both leases: another leads, and what it writes as a leader when it wakes up is refused. */
export const leaderFreezeLong: FaultKind = {
  name: "leader-freeze-long",
  targets: onLeader,
  lasts: longerThanLease,
  begin: (hands) => ofLeader(hands, freeze),
};

/** SIGKILL for all nodes at once, and other processes after a while. Nothing starts meanwhile; what came due then starts later. */
export const allKill: FaultKind = {
  name: "all-kill",
  targets: onAll,
  others: onNodes,
  lasts: [3000, 8000],
  weight: 4, // all nodes have to be free for it
  begin: async (hands) => {
    const nodes = [...hands.trial.nodes.values()];
    await Promise.all(nodes.map((node) => node.kill()));
    return startedAgain(hands, nodes, "SIGKILL", (exit) => exit === "SIGKILL");
  },
};

async function kill(hands: Hands, node: ChaosNode): Promise<Befallen> {
  await node.kill();
  return startedAgain(hands, [node], "SIGKILL", (exit) => exit === "SIGKILL");
}

async function freeze(_: Hands, node: ChaosNode): Promise<Befallen> {
  await node.freeze();
  let stood = false;
  return {
    end: async () => {
      stood = (await node.state()) === "stands";
      node.thaw();
    },
    proof: () => (stood ? `process ${node.pid} (${node.name}) stood still from beginning to end` : ""),
  };
}

/** Of the node that leads, one of several partitions if there are any, if nothing else befalls it. */
async function ofLeader(
  hands: Hands,
  happens: (hands: Hands, node: ChaosNode) => Promise<Befallen>,
): Promise<Befallen> {
  const { client, partitions } = hands.trial;
  const leaders = await (partitions === 1
    ? client.leader().then((one) => one && [one])
    : client.leaders()
  ).catch(() => undefined);
  const [first, ...others] = leaders ?? [];
  const leads: LeaderInfo | PartitionLeader | undefined =
    first && (others.length === 0 ? first : hands.random.pick([first, ...others]));
  const node = hands.trial.nodeOf(leads?.node ?? "-");
  if (leads === undefined || !node?.alive || !hands.take(node.name)) return nothingHappened;
  const { end, proof } = await happens({ ...hands, target: node.name }, node);
  return {
    ...(end && { end }),
    proof: async () => {
      const seen = await proof();
      const where = "partition" in leads ? ` of partition ${leads.partition}` : "";
      return seen && `${seen}, which led term ${leads.epoch}${where}`;
    },
  };
}

function startedAgain(
  { trial }: Hands,
  nodes: readonly ChaosNode[],
  by: string,
  ended: (exit: string | undefined) => boolean,
): Befallen {
  const hit = nodes.filter(({ exit }) => ended(exit));
  return {
    end: () => Promise.all(nodes.map(({ name }) => trial.addNode(name))),
    proof: () =>
      hit.map(({ name, pid, exit }) => `process ${pid} (${name}) ended by ${exit} after ${by}`).join(", "),
  };
}
