import { checkServer, EscapementError } from "@escapement/redis";
import { checkReach } from "@escapement/redis/internal";
import type { RunLocks } from "../lock.js";
import type { Settings } from "../options.js";
import type { Store } from "../store.js";
import { examineNodeClocks, examineStoreClock } from "./clocks.js";
import { examineDrained } from "./drained.js";
import { about, type Finding } from "./finding.js";
import { examineMended, examineParked } from "./jobs.js";
import { examineKeys } from "./keys.js";
import { examineLeader } from "./leader.js";
import { examineMessages } from "./messages.js";
import { examineNamespace } from "./namespace.js";
import { examineLoops, examineNodes } from "./nodes.js";
import { examinePauses } from "./pauses.js";
import { examinePermissions } from "./permissions.js";
import { type Inspection, inspectionOf } from "./picture.js";
import { examineLag, examineUnclaimed } from "./runs.js";
import { examineStuck } from "./stuck.js";
import { examineVoters } from "./voters.js";

export type { Finding } from "./finding.js";

/** The areas, in the order in which their findings are told: what explains the others first. */
const areas: Readonly<Record<string, (inspection: Inspection) => Promise<Finding[]>>> = {
  permissions: examinePermissions,
  server: ({ store, settings }) => checkServer(store.commands, { allowEviction: settings.allowEviction }),
  namespace: examineNamespace,
  keys: examineKeys,
  nodes: examineNodes,
  "drained nodes": examineDrained,
  loops: examineLoops,
  leader: examineLeader,
  "store clock": examineStoreClock,
  "node clocks": examineNodeClocks,
  unclaimed: examineUnclaimed,
  "stuck runs": examineStuck,
  lag: examineLag,
  messages: examineMessages,
  pauses: examinePauses,
  parked: examineParked,
  sweeper: examineMended,
};

/**
 * Looks at the whole cluster: the server, voters, leader, nodes, what is due and not claimed, what is held and does not end, pauses, parked
 * jobs. Writes nothing. What cannot be looked at is a finding as well: it throws nothing, and each step of it has a deadline.
 */
export async function examine(
  store: Store,
  settings: Settings,
  locks: RunLocks | undefined,
): Promise<Finding[]> {
  const votes = examineVoters(settings, locks);
  const reached = await checkReach(store.commands);
  // Nothing is known of a store that was not reached, nor of the locks that it holds.
  if (reached.level === "error") return [reached, ...(locks === undefined ? [] : await votes)];
  return [reached, ...(await votes), ...(await examineStore(inspectionOf(store, settings)))];
}

async function examineStore(inspection: Inspection): Promise<Finding[]> {
  const findings: Finding[] = [];
  const [names, refused] = [Object.keys(areas), [] as string[]];
  for (const [index, name] of names.entries()) {
    try {
      findings.push(...((await areas[name]?.(inspection)) ?? []));
    } catch (error) {
      const { code, message } = error as Partial<EscapementError>;
      if (code === "REDIS_AUTH") refused.push(name);
      else if (error instanceof EscapementError && /^REDIS_(UNAVAILABLE|TIMEOUT)$/.test(error.code)) {
        const rest = names.slice(index).join(", ");
        findings.push(about("connection").error(`${message} Not looked at for that reason: ${rest}.`));
        break;
      } else findings.push(about(name).error(`This could not be looked at: ${message ?? String(error)}`));
    }
  }
  if (refused.length > 0)
    findings.push(
      about("permissions").error(
        `Not looked at, for want of permissions: ${refused.join(", ")}. Grant them, and ask again.`,
      ),
    );
  return findings;
}
