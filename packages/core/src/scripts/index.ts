// One Lua file each, and what it is handed and answers. Callers hand them this namespace's keys.

export {
  cancel,
  copyPauses,
  deliver,
  enqueue,
  followSet,
  found,
  notePauses,
  openSet,
  pause,
  readJobs,
  readPauses,
  redrive,
  remove,
  resume,
  runNow,
  upsert,
} from "./of-clients.js";
export {
  age,
  materialise,
  mendTies,
  park,
  passOver,
  readPlaces,
  recover,
  sweep,
  watch,
} from "./of-leaders.js";
export { borrow, lend } from "./of-lenders.js";
export {
  type ClaimReply,
  claim,
  extend,
  heartbeat,
  heartbeatWhenFull,
  join,
  leave,
  log,
  reconcile,
  report,
} from "./of-nodes.js";
