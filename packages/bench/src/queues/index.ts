import { agenda } from "./agenda.js";
import { beeQueue } from "./bee-queue.js";
import { bullmq } from "./bullmq.js";
import type { Contestant } from "./contestant.js";
import { escapement } from "./escapement.js";
import { graphileWorker } from "./graphile-worker.js";
import { pgBoss } from "./pg-boss.js";

export { bullmq, escapement };

/** All of them, ours first. A new one is a file in this folder, a line here and one in worker-main.ts. */
export const contestants: readonly Contestant[] = [
  ...[escapement, bullmq, beeQueue, agenda],
  ...[pgBoss, graphileWorker],
];

/** Those that have recurring jobs and the same work to do with them. */
export const schedulers: readonly Contestant[] = [escapement, bullmq];
