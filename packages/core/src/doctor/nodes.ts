import type { LeaderInfo, NodeInfo } from "../read-nodes.js";
import type { Finding } from "./finding.js";

/** Whether somebody leads. */
export function examineLeader(leader: LeaderInfo | undefined, alive: readonly NodeInfo[]): Finding {
  return leader === undefined
    ? {
        check: "leader",
        level: alive.length === 0 ? "warning" : "error",
        message:
          "There is no leader: nothing new is scheduled. Start a node with the role leader; an election takes a few seconds.",
      }
    : { check: "leader", level: "ok", message: `Node ${leader.node} leads, in term ${leader.epoch}.` };
}

/** Whether nodes run, and whether dead ones have left something. */
export function examineNodes(nodes: readonly NodeInfo[], alive: readonly NodeInfo[]): Finding[] {
  const running: Finding =
    alive.length === 0
      ? { check: "nodes", level: "error", message: "No node is running. Start one." }
      : { check: "nodes", level: "ok", message: `${alive.length} running.` };
  const dead = nodes.length - alive.length;
  if (dead === 0) return [running];
  const message = `${dead} dead, their runs not all taken over yet.`;
  return [running, { check: "dead nodes", level: "warning", message }];
}
