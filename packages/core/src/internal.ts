// For Escapement's own packages and their tests.
export { type Plan, planFireTimes } from "./catch-up.js";
export { type ClaimAnswer, type Claimed, type Completion, completeAndClaim } from "./claim.js";
export { writeJobs } from "./define.js";
export { enqueueRuns } from "./enqueue.js";
export { Events } from "./events.js";
export { fitsPattern } from "./id-pattern.js";
export type { ScopedLimit, ScopedRate } from "./limit.js";
export { Materialiser } from "./materialise.js";
export { preferred } from "./placement.js";
export {
  join,
  leave,
  materialise,
  park,
  passOver,
  recover,
  report,
  sweep,
  watch,
} from "./scripts/index.js";
export { Store } from "./store.js";
export { version } from "./version.js";
