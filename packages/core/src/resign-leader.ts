import { EscapementError } from "@escapement/redis";
import { fields, orElse } from "./check.js";
import { monotonic } from "./clock.js";
import { type LeaderInfo, readLeader, readNodes } from "./read-nodes.js";
import type { Store } from "./store.js";
import { duration } from "./times.js";

/** Options of `resignLeader`. */
export interface ResignOptions {
  /** How long to wait for another term: milliseconds or a duration. @default "10s" */
  readonly timeout?: number | string;
}

const again = 200; // ms between two requests: what is published can be lost
const look = 50; // ms between two looks

/** Whether another node could lead as well. */
export async function hasOtherCandidates(store: Store, node: string): Promise<boolean> {
  const nodes = await readNodes(store);
  return nodes.some(({ id, alive, roles }) => id !== node && alive && roles.includes("leader"));
}

/**
 * Asks the leader to let another node lead, again and again until there is another term. The request names the term, so that one that
 * comes late, or twice, asks nobody else.
 *
 * @returns who leads in the next term: the same node, if no other could; `undefined` if nobody leads now
 * @throws EscapementError `LEADER_NOT_CHANGED`; InvalidOptionError
 */
export async function resignLeader(
  store: Store,
  options: ResignOptions = {},
): Promise<LeaderInfo | undefined> {
  const given = fields("options", options, ["timeout"])["timeout"];
  const timeout = duration("timeout", orElse(given, 10_000), 1);
  const until = monotonic() + timeout;
  const before = await readLeader(store);
  if (before === undefined) return undefined;
  let asked = Number.NEGATIVE_INFINITY;
  let leader: LeaderInfo | undefined = before;
  while (monotonic() < until) {
    if (monotonic() - asked >= again) {
      asked = monotonic();
      await store.commands.run("asking the leader", (client) =>
        client.publish(store.keys.wake, `resign ${before.epoch}`),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, look));
    leader = await readLeader(store);
    if (leader !== undefined && leader.epoch !== before.epoch) return leader;
  }
  throw new EscapementError("LEADER_NOT_CHANGED", reasonOf(before, leader, timeout));
}

function reasonOf({ node, epoch }: LeaderInfo, leader: LeaderInfo | undefined, timeout: number): string {
  if (leader === undefined)
    return `Node ${node} leads no more, and no other has been elected within ${timeout} ms. Look again: an election takes seconds.`;
  return (
    `Node ${node} still leads in term ${epoch}, ${timeout} ms after it was asked to let another lead. If its process is stuck, or of an older ` +
    "version, stop it: its lease then ends by itself."
  );
}
