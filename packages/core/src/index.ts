// For users.
export {
  type AclOptions,
  type AclRole,
  aclRoles,
  aclRules,
  EscapementError,
  RedisError,
  type RedisSource,
} from "@escapement/redis";
export type { ApplyOptions, ApplyReport, ApplySetOptions } from "./apply.js";
export type { BackfillOptions } from "./backfill.js";
export type { CancelOptions } from "./cancel.js";
export type { ComingFireTime, FireTimesOptions } from "./coming.js";
export type { DeadLetter, DeadLettersOf } from "./dead-letters.js";
export type { Finding } from "./doctor/index.js";
export type { EnqueueOptions } from "./enqueue.js";
export {
  InvalidOptionError,
  LeaseLostError,
  NonRetriableError,
  PartlyWrittenError,
  RunCancelledError,
  RunFailedError,
  RunTimeoutError,
  SchedulerStoppedError,
  StaleJobSetError,
  TaskFailure,
} from "./errors.js";
export type { ClusterEvent } from "./event-line.js";
export type { EventsOptions, SchedulerEvent } from "./event-stream.js";
export type { AttemptEvent, BeforeRunEvent, Listener, RunEvent, SchedulerEvents } from "./events.js";
export type { GroupReport, GroupRunsReport, JobGroup } from "./group.js";
export type { JobChanges, JobHandle, RunHandle } from "./handles.js";
export type { Health, HealthCode, HealthReason } from "./health.js";
export type { CatchUp, Delivery, Job, JobOptions, JobState, Misfire, Overlap } from "./job.js";
export { jobStates } from "./job.js";
export type { FieldChange, JobChange } from "./job-changes.js";
export {
  defineJobs,
  type JobDeclaration,
  type JobDeclarations,
  type JobSet,
  type JobSetOptions,
} from "./job-set.js";
export type { Limit, Rate, RateLimit } from "./limit.js";
export type { ListedNode } from "./list-nodes.js";
export type { LogLevel, LogLine } from "./log-lines.js";
export type { Logger } from "./logger.js";
export {
  type MoveOptions,
  type MoveProgress,
  type MoveReport,
  movePartitions,
  readPartitions,
} from "./move/move-partitions.js";
export type { Role, SchedulerOptions } from "./options.js";
export type { PauseOptions, PauseTarget } from "./pause.js";
export type { JobFilter } from "./read-jobs.js";
export type { ActiveRun, ClusterLoad } from "./read-load.js";
export type { FollowLogsOptions, LogsOptions } from "./read-logs.js";
export type { LeaderInfo, NodeInfo, PartitionLeader } from "./read-nodes.js";
export type { PauseInfo } from "./read-pauses.js";
export type { RunsOf } from "./read-unfinished.js";
export type { RemoveOptions } from "./remove-job.js";
export type { ResignOptions } from "./resign-leader.js";
export type { ResumeOptions } from "./resume.js";
export type { Resumed } from "./resumed.js";
export type { Retain, RetainOptions, RetainSettings } from "./retention.js";
export type { Backoff, Retry, RetryOptions } from "./retry.js";
export type { Attempt, Run, RunError, RunState } from "./run.js";
export type { RunContext } from "./run-context.js";
export type { LogMethod, RunLogger } from "./run-logger.js";
export type { RunNowOptions } from "./run-now.js";
export { createScheduler, type Scheduler } from "./scheduler.js";
export type { StopOptions } from "./stop.js";
export type {
  Handler,
  InputOf,
  InputSchema,
  OutputOf,
  Task,
  TaskOptions,
  TaskRef,
  Tasks,
} from "./task.js";
