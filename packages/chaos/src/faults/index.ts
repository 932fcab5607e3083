import type { FaultKind } from "./fault.js";
import { cut, halfOpen, lostReplies } from "./link-faults.js";
import { nodeFreeze, nodeFreezeLong, nodeKill, nodeRestart } from "./node-faults.js";
import { storeFreeze, storeKill, storeRestart, voterFreeze, voterKill } from "./server-faults.js";

/** All kinds of faults that the seeded mode draws from. */
export const faultKinds: readonly FaultKind[] = [
  nodeKill,
  nodeRestart,
  nodeFreeze,
  nodeFreezeLong,
  halfOpen,
  cut,
  lostReplies,
  storeRestart,
  storeKill,
  storeFreeze,
  voterKill,
  voterFreeze,
];
