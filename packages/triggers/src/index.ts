// For users: build, check and preview triggers.

// For schedulers: compute with them.
export { type AssertFiresOptions, assertFires } from "./assert-fires.js";
export { type CronOptions, cron, type EveryOptions, every, once } from "./builders.js";
export { type CompileOptions, compileTrigger } from "./compile-trigger.js";
export type { CompiledTrigger, FireTimeCount } from "./compiled-trigger.js";
export { type DescribeOptions, describe } from "./describe.js";
export { parseDuration } from "./duration.js";
export {
  type InvalidTriggerCode,
  type InvalidTriggerDetails,
  InvalidTriggerError,
} from "./invalid-trigger-error.js";
export { matches, type NextFireTimesOptions, nextFireTimes } from "./next-fire-times.js";
export { parseTrigger } from "./parse-trigger.js";
export type {
  CronDialect,
  CronTrigger,
  EveryTrigger,
  GapPolicy,
  OnceTrigger,
  OverlapPolicy,
  Trigger,
} from "./trigger.js";
