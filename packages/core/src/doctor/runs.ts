import type { NodeInfo } from "../read-nodes.js";
import type { Store } from "../store.js";
import type { Finding } from "./finding.js";

/** Due runs that no running node can run. */
export async function examineUnclaimed(store: Store, alive: readonly NodeInfo[]): Promise<Finding[]> {
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

/** Whether what is due is taken up in time. */
export async function examineLag(store: Store): Promise<Finding> {
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
