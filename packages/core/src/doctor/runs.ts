import { about, type Finding, lasted } from "./finding.js";
import type { Inspection } from "./picture.js";

/** Milliseconds after which a run that is due and has not been taken up is late. */
const late = 5000;
/** How many tasks without a node are told of one by one. */
const told = 20;

/** Due runs that no running node can run. */
export async function examineUnclaimed({ store, picture }: Inspection): Promise<Finding[]> {
  const { ok, error } = about("unclaimed");
  const { alive } = await picture();
  const lanes = await store.commands.run("reading ready runs", (client) =>
    client.zrange(store.keys.ready, 0, 999),
  );
  const orphaned = lanes.filter((lane) => {
    const [queue = "", task = ""] = lane.split("@");
    return !alive.some((node) => node.tasks.includes(task) && node.queues.includes(queue));
  });
  if (orphaned.length === 0) return [ok("Every due run has a node for its task.")];
  const findings = orphaned.slice(0, told).map((lane) => {
    const [queue, task] = lane.split("@");
    return error(
      `Runs of task ${task} in queue ${queue} are due, and no running node has a handler for them. Start one that does.`,
    );
  });
  const rest = orphaned.length - told;
  return rest > 0 ? [...findings, error(`So it is with ${rest} more tasks.`)] : findings;
}

/** Whether runs that are due are taken up in time. */
export async function examineLag({ store, picture }: Inspection): Promise<Finding[]> {
  const { ok, error } = about("lag");
  const { now } = await picture();
  const [run, at] = await store.commands.run("reading the backlog", (client) =>
    client.zrange(store.keys.waiting, 0, 0, "WITHSCORES"),
  );
  const ms = now - Number(at ?? now);
  if (ms < late) return [ok("What is due is taken up.")];
  return [
    error(
      `Run ${run} has been due for ${lasted(ms)}, and no node has looked at it. Is a node running that has the role worker and free ` +
        "slots? If one is, look at its log.",
    ),
  ];
}
