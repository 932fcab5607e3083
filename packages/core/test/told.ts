import { createScheduler, type Scheduler, type SchedulerEvent } from "../src/index.js";
import { silentLogger } from "./silent-logger.js";
import type { StoreBench } from "./store-bench.js";

/** Another process that shares the bench's store, which is of one partition. */
export const client = (bench: StoreBench, options: { readonly deadline?: number } = {}): Scheduler =>
  createScheduler({
    redis: bench.url,
    namespace: bench.store.namespace,
    partitions: 1,
    logger: silentLogger,
    ...options,
  });

let markers = 0;

/** All events behind `since` so far, as another process reads them. */
export async function told(bench: StoreBench, since: string | Date = "start"): Promise<SchedulerEvent[]> {
  markers += 1;
  const marker = `marker-${markers}`;
  await bench.define(marker);
  await using reader = client(bench);
  const events: SchedulerEvent[] = [];
  for await (const event of reader.events({ since })) {
    if (event.type === "jobAdded" && event.jobId === marker) break;
    if (!("jobId" in event && event.jobId?.startsWith("marker-"))) events.push(event);
  }
  return events;
}
