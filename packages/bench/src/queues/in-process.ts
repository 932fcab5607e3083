import { Cron } from "croner";
import { type ScheduledTask, schedule } from "node-cron";
import type { Handle, QueueWorker } from "./contestant.js";

/** One that fires within its own process, for itself alone: no store, nothing shared, nothing kept. */
export interface InProcess {
  readonly name: string;
  readonly package: string;
  /** Starts so many jobs that fire at each second. */
  start(jobs: number, handle: Handle): QueueWorker;
}

const expression = "* * * * * *";

/** The second that it fires for; timers may be a little early. */
function second(): number {
  return Math.floor((Date.now() + 20) / 1000) * 1000;
}

/** Croner. */
export const croner: InProcess = {
  name: "croner",
  package: "croner",
  start: (count, handle) => {
    const jobs = Array.from({ length: count }, (_, n) => new Cron(expression, () => handle(n, second())));
    return { stop: async () => jobs.forEach((job) => void job.stop()) };
  },
};

/** node-cron. */
export const nodeCron: InProcess = {
  name: "node-cron",
  package: "node-cron",
  start: (count, handle) => {
    const jobs = Array.from({ length: count }, (_, n) => schedule(expression, () => handle(n, second())));
    const stop = async (): Promise<void> => {
      await Promise.all(jobs.map((job: ScheduledTask) => job.stop()));
    };
    return { stop };
  },
};

/** All of them. */
export const inProcess: readonly InProcess[] = [croner, nodeCron];
