import { clockFaults } from "./clock-faults.js";
import { deletedKeyFaults } from "./deleted-keys.js";
import { failoverFaults } from "./failovers.js";
import type { FaultKind } from "./fault.js";
import { storeLinkFaults, voterLinkFaults } from "./link-faults.js";
import { loopBlock, loopBlockLong } from "./loop-faults.js";
import { netnsDrop } from "./netns-drop.js";
import { nodeClockJump } from "./node-clock-jump.js";
import {
  allKill,
  leaderFreeze,
  leaderFreezeLong,
  leaderKill,
  nodeFreeze,
  nodeFreezeLong,
  nodeKill,
  nodeRestart,
} from "./node-faults.js";
import { powerLoss } from "./power-loss.js";
import { rollingRestart } from "./rolling-restart.js";
import {
  sentinelFreeze,
  sentinelKill,
  storeFreeze,
  storeKill,
  storeRestart,
  voterFreeze,
  voterKill,
  voterRestart,
  votersFreeze,
  votersKill,
} from "./server-faults.js";
import { storeCommandFaults } from "./store-commands.js";

/** All kinds of faults that the seeded mode draws from. */
export const faultKinds: readonly FaultKind[] = [
  nodeKill,
  nodeRestart,
  nodeFreeze,
  nodeFreezeLong,
  leaderKill,
  leaderFreeze,
  leaderFreezeLong,
  allKill,
  rollingRestart,
  loopBlock,
  loopBlockLong,
  ...storeLinkFaults,
  ...voterLinkFaults,
  netnsDrop,
  storeRestart,
  storeKill,
  powerLoss,
  storeFreeze,
  ...storeCommandFaults,
  ...deletedKeyFaults,
  ...clockFaults,
  nodeClockJump,
  sentinelKill,
  sentinelFreeze,
  ...failoverFaults,
  voterRestart,
  voterKill,
  voterFreeze,
  votersKill,
  votersFreeze,
];

/** The kinds with these names, or, without names, all. */
export function kindsToDraw(names: readonly string[] | undefined): FaultKind[] {
  return faultKinds.filter(({ name }) => names?.includes(name) ?? true);
}
