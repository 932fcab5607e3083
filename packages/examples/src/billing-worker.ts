// Service B of two: it has the handlers, and takes runs of the queue that service A puts them in.
//
//   ESCAPEMENT_REDIS_URL=redis://localhost:6379 node dist/billing-worker.js
import { createScheduler } from "@escapement/core";

const namespace = process.env["ESCAPEMENT_NAMESPACE"] ?? "billing";
const scheduler = createScheduler({ namespace, queues: ["billing"], concurrency: 5 });

scheduler.task("send-reminders", (run) => console.log(`reminders of ${run.scheduledAt.toISOString()}`));
scheduler.task<{ customer: string; cents: number }, { number: string }>("send-invoice", (run) => {
  // The fencing token goes with what is written, so that a late writer can be refused.
  console.log(`invoice for ${run.input.customer} over ${run.input.cents} cents, token ${run.fencingToken}`);
  return { number: `${run.input.customer}-${run.attempt}` };
});

await scheduler.start();
console.log(`node ${scheduler.nodeId} runs`);

process.once("SIGTERM", () => scheduler.stop());
process.once("SIGINT", () => scheduler.stop());
