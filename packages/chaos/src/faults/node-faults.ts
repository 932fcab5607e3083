import type { ChaosNode } from "../nodes/chaos-node.js";
import type { Befallen, FaultKind, Hands } from "./fault.js";

const onNodes: FaultKind["targets"] = ({ nodes }) => nodes;

/** SIGKILL, and another process after a while. */
export const nodeKill: FaultKind = {
  name: "node-kill",
  targets: onNodes,
  lasts: [100, 4000],
  begin: async (hands) => {
    const node = nodeAt(hands);
    await node.kill();
    return startedAgain(hands, `process ${node.pid} ended by ${node.exit}`);
  },
};

/** SIGTERM, and another process at once. */
export const nodeRestart: FaultKind = {
  name: "node-restart",
  targets: onNodes,
  lasts: [1, 1],
  settles: 17_000,
  begin: async (hands) => {
    const node = nodeAt(hands);
    await node.stop();
    return startedAgain(hands, `process ${node.pid} ended by ${node.exit}`);
  },
};

/** SIGSTOP and SIGCONT, for less than its lease. */
export const nodeFreeze: FaultKind = {
  name: "node-freeze",
  targets: onNodes,
  lasts: [200, 4000],
  begin: freeze,
};

/** The same for longer than its lease. */
export const nodeFreezeLong: FaultKind = {
  name: "node-freeze-long",
  targets: onNodes,
  lasts: [10_500, 13_000],
  begin: freeze,
};

async function freeze(hands: Hands): Promise<Befallen> {
  const node = nodeAt(hands);
  await node.freeze();
  const stood = await node.state();
  return {
    end: () => node.thaw(),
    proof: () => (stood === "stands" ? `process ${node.pid} stood still` : ""),
  };
}

function startedAgain({ trial, target }: Hands, proof: string): Befallen {
  return { end: () => trial.addNode(target), proof: () => proof };
}

function nodeAt({ trial, target }: Hands): ChaosNode {
  const node = trial.nodes.get(target);
  if (node === undefined) throw new Error(`There is no node ${target}`);
  return node;
}
