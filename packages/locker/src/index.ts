export type { Clock } from "./clock.js";
export type { Lock } from "./lock.js";
export {
  type Acquired,
  createLocker,
  type Extended,
  type Locker,
  type LockerEvents,
  type LockerStatus,
  type NotExtended,
  type Refused,
  type RefusedReason,
} from "./locker.js";
export type { LockerOptions } from "./options.js";
export type { VoterStatus } from "./voter.js";
