import { backlog } from "./backlog.js";
import { cost } from "./cost.js";
import { count } from "./count.js";
import { enqueue } from "./enqueue.js";
import { fireTimes } from "./fire-times.js";
import { fireTimesMany } from "./fire-times-many.js";
import { fireTimesMemory } from "./fire-times-memory.js";
import { idle } from "./idle.js";
import { lateness } from "./lateness.js";
import { manyJobs } from "./many-jobs.js";
import { memory } from "./memory.js";
import { noOp } from "./no-op.js";
import { partitions } from "./partitions.js";
import { pausedIdle } from "./paused-idle.js";
import { shortWork } from "./short-work.js";
import { upserts } from "./upserts.js";
import { wire } from "./wire.js";
import type { Work } from "./work.js";

/** All works, in the order in which they are done. A new one is a file in this folder and a line here. */
export const works: readonly Work[] = [
  ...[fireTimes, fireTimesMany, fireTimesMemory, count, cost, pausedIdle],
  ...[noOp, shortWork, enqueue, lateness, upserts, wire, memory, idle, backlog, manyJobs],
  partitions,
];
