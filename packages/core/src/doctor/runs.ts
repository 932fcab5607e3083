import type { NodeInfo } from "../read-nodes.js";
import { type DueLane, dueSince } from "./backlog.js";
import { about, type Finding, lasted, some } from "./finding.js";
import { howPaused } from "./pauses.js";
import type { Inspection } from "./picture.js";

/** Milliseconds after which a run that is due and has not been taken up is late. */
const late = 5000;
/** How many tasks without a node are told of one by one. */
const told = 20;

/** Due runs that no running node can run, or none that takes runs. */
export async function examineUnclaimed(inspection: Inspection): Promise<Finding[]> {
  const { ok, warning, error } = about("unclaimed");
  const { alive } = await inspection.picture();
  const { lanes, pauses } = await inspection.backlog();
  const workers = alive.filter(({ roles }) => roles.includes("worker"));
  const isDrained = ({ id }: NodeInfo): boolean => pauses.has(`node:${id}`);
  const orphaned = lanes.flatMap((lane) => {
    const { queue, task, heldBy } = lane;
    const able = workers.filter((node) => node.tasks.includes(task) && node.queues.includes(queue));
    if (able.length === 0) return [{ lane, able }];
    // That every worker is drained is another finding.
    const left = heldBy === undefined && able.every(isDrained) && !workers.every(isDrained);
    return left ? [{ lane, able }] : [];
  });
  if (orphaned.length === 0) return [ok("Every due run has a node for its task.")];
  // What nobody holds back on purpose is told first.
  orphaned.sort(
    (one, other) => Number(one.lane.heldBy !== undefined) - Number(other.lane.heldBy !== undefined),
  );
  const findings: Finding[] = [];
  for (const { lane, able } of orphaned.slice(0, told))
    findings.push(await unclaimed(inspection, lane, able));
  const rest = orphaned.length - told;
  const say = orphaned[told]?.lane.heldBy === undefined ? error : warning;
  return rest > 0 ? [...findings, say(`So it is with ${rest} more tasks.`)] : findings;
}

/** @param able the nodes that have a handler, all drained */
async function unclaimed(
  { store, picture }: Inspection,
  lane: DueLane,
  able: readonly NodeInfo[],
): Promise<Finding> {
  const { warning, error } = about("unclaimed");
  const { now } = await picture();
  const { queue, task, count, heldBy } = lane;
  const since = await dueSince(store, lane);
  const first = since === undefined ? "" : `, the first for ${lasted(now - since)}`;
  const due = `Runs of task ${task} in queue ${queue} are due (${count}${first}), and`;
  const ids = able.map(({ id }) => id);
  if (ids.length > 0)
    return error(
      `${due} the running nodes that have a handler for them are drained: ${some(ids)}. Start another that has one, or let ` +
        `one take runs again: escapement nodes undrain ${ids[0]}.`,
    );
  if (heldBy === undefined)
    return error(`${due} no running worker has a handler for them. Start one that does.`);
  const paused = heldBy.target === "all" ? "everything" : heldBy.target;
  return warning(
    `${due} no running worker has a handler for them. They would not start now: ${paused} has been paused ${howPaused(heldBy, now)}. ` +
      `Start one that does before that ends.`,
  );
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
