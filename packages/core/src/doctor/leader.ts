import { about, type Finding, lasted } from "./finding.js";
import type { Inspection, Picture } from "./picture.js";

/** Milliseconds after which a fire time that has not been written is overdue: it should have been some seconds before it comes. */
const overdue = 5000;
/** Milliseconds for which a leader's standing still is told. */
const recently = 600_000;

/** Whether somebody leads, and does a leader's work. */
export async function examineLeader({ store, picture }: Inspection): Promise<Finding[]> {
  const view = await picture();
  const { ok, warning } = about("leader");
  const [job, cursor] = await store.commands.run("reading the next fire time", (client) =>
    client.zrange(store.keys.due, 0, 0, "WITHSCORES"),
  );
  const late = job === undefined ? 0 : view.now - Number(cursor);
  const problem = problemOf(view, late > overdue ? `job ${job} for ${lasted(late)}` : undefined);
  const stalls = view.alive.flatMap(({ id, stalledAt }) => {
    const ago = view.now - (stalledAt?.getTime() ?? Number.NEGATIVE_INFINITY);
    if (ago > recently) return [];
    return [
      warning(
        `Node ${id} led ${lasted(ago)} ago without getting anything done, and let go of the lease. Its log says which step failed; ` +
          "nothing was lost, since what it left undone the next leader does.",
      ),
    ];
  });
  if (problem !== undefined) return [problem, ...stalls];
  return [ok(`Node ${view.leader?.node} leads, in term ${view.leader?.epoch}.`), ...stalls];
}

/** @param undone what should have been scheduled by now */
function problemOf({ leader, alive }: Picture, undone: string | undefined): Finding | undefined {
  const { warning, error } = about("leader");
  const waits = undone === undefined ? "" : ` Not scheduled though due: ${undone}.`;
  if (leader === undefined) {
    if (alive.length === 0)
      return warning(`There is no leader, since no node is running: nothing new is scheduled.${waits}`);
    const able = alive.filter(({ roles }) => roles.includes("leader")).length;
    return able === 0
      ? error(
          `There is no leader: nothing new is scheduled, since none of the ${alive.length} running nodes has the role leader. ` +
            `Start one that has.${waits}`,
        )
      : error(
          `There is no leader, although ${able} running nodes could lead: nothing new is scheduled. An election takes a few seconds; ` +
            `if there is none after that, look at their logs.${waits}`,
        );
  }
  const { node, epoch, leaseUntil } = leader;
  const lease = `The leader's lease of term ${epoch} is held by ${node}`;
  if (!alive.some(({ id }) => id === node))
    return error(
      `${lease}, which is no running node: nothing new is scheduled until ${leaseUntil.toISOString()}, when the lease ends. ` +
        `If it is renewed all the same, find the process that does.${waits}`,
    );
  if (undone === undefined) return undefined;
  return error(
    `${lease}, and nothing is scheduled in time:${waits} Its loop fails or is far behind. Its log says why; if that does not help, restart it: another takes over.`,
  );
}
