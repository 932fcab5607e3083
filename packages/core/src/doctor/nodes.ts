import { about, type Finding, lasted, some } from "./finding.js";
import { type Inspection, takenOverWithin } from "./picture.js";

/** Whether nodes run, and whether dead ones have left something. */
export async function examineNodes({ store, settings, picture }: Inspection): Promise<Finding[]> {
  const { now, nodes, alive } = await picture();
  const { ok, error } = about("nodes");
  const running =
    alive.length === 0 ? error("No node is running. Start one.") : ok(`${alive.length} running.`);
  const dead = nodes.filter((node) => !node.alive);
  if (dead.length === 0) return [running];
  const deaths = await store.commands.run("reading dead nodes", (client) =>
    client.zmscore(store.keys.dead, ...dead.map(({ id }) => id)),
  );
  // One that nobody has declared dead yet died when its lease ended.
  const since = dead.map(({ leaseUntil }, index) => Number(deaths[index] ?? leaseUntil.getTime()));
  const longest = now - Math.min(...since);
  const held = dead.reduce((sum, { active }) => sum + active, 0);
  const who = `${some(dead.map(({ id }) => id))} dead for up to ${lasted(longest)}`;
  const left = about("dead nodes");
  if (held === 0)
    return [running, left.warning(`${who}; nothing is left of them to take over. A leader clears that up.`)];
  if (longest <= takenOverWithin(settings))
    return [
      running,
      left.warning(`${who}; a leader takes over the ${held} runs that they held within seconds.`),
    ];
  return [
    running,
    left.error(
      `${who}, and nobody has taken over the ${held} runs that they held. That is the leader's work: see what is said of it here, and ` +
        "restart the node that leads if nothing is.",
    ),
  ];
}

/** Whether the loops of the running nodes go round, as these say themselves. */
export async function examineLoops({ picture }: Inspection): Promise<Finding[]> {
  const { ok, error } = about("loops");
  const stuck = (await picture()).alive.filter((node) => node.stuck.length > 0);
  if (stuck.length === 0) return [ok("The loops of all running nodes go round.")];
  return stuck.map(({ id, host, pid, stuck: loops }) =>
    error(
      `Node ${id} (process ${pid} on ${host}) keeps its lease, and its ${loops.join(" and its ")} loop stands still: it ` +
        `${loops.includes("worker") ? "starts and completes nothing" : "schedules nothing when it leads"}. Restart it, and report what its log says.`,
    ),
  );
}
