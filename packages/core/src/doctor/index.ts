import { checkServer } from "@escapement/redis";
import type { RunLocks } from "../lock.js";
import type { Settings } from "../options.js";
import { readLeader, readNodes } from "../read-nodes.js";
import type { Store } from "../store.js";
import { examineStoreClock } from "./clocks.js";
import type { Finding } from "./finding.js";
import { examineMended, examineParked } from "./jobs.js";
import { examineLeader, examineNodes } from "./nodes.js";
import { examineLag, examineUnclaimed } from "./runs.js";
import { examineVoters } from "./voters.js";

export type { Finding } from "./finding.js";

/** Looks at the whole cluster: the server, voters, leader, nodes, what is due and not claimed, parked jobs. Writes nothing. */
export async function examine(
  store: Store,
  settings: Settings,
  locks: RunLocks | undefined,
): Promise<Finding[]> {
  const server = await checkServer(store.commands, { allowEviction: settings.allowEviction });
  const votes = await examineVoters(settings, locks);
  const nodes = await readNodes(store);
  const alive = nodes.filter((node) => node.alive);
  const leader = await readLeader(store);
  return [
    ...server,
    ...votes,
    examineLeader(leader, alive),
    ...examineNodes(nodes, alive),
    ...(await examineUnclaimed(store, alive)),
    await examineStoreClock(store),
    await examineParked(store),
    await examineLag(store),
    await examineMended(store),
  ];
}
