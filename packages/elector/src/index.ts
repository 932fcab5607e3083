export type { Clock } from "./clock.js";
export { createElector, type Elector } from "./elector.js";
export type { ElectorEvents, LostReason, Term } from "./events.js";
export type { ElectorOptions } from "./options.js";
