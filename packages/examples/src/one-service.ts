// One service in three copies: start this file three times. Each fire time runs on one of them, whichever are alive.
//
//   ESCAPEMENT_REDIS_URL=redis://localhost:6379 node dist/one-service.js
import { createScheduler } from "@escapement/core";
import { cron, every } from "@escapement/triggers";

const scheduler = createScheduler({ namespace: process.env["ESCAPEMENT_NAMESPACE"] ?? "one-service" });

const cleanUp = scheduler.task<{ days: number }>("clean-up", (run) => {
  console.log(
    `clean-up ${run.id} attempt ${run.attempt}: removing what is older than ${run.input.days} days`,
  );
});

// Every copy says the same, and may: saying it again changes nothing.
await scheduler.schedule(cleanUp, { id: "clean-up/each-second", trigger: every("1s"), input: { days: 30 } });
await scheduler.schedule(cleanUp, {
  id: "clean-up/nightly",
  trigger: cron("30 3 * * *", { timezone: "Europe/Berlin" }),
  input: { days: 365 },
});

await scheduler.start();
console.log(`node ${scheduler.nodeId} runs`);

process.once("SIGTERM", () => scheduler.stop());
process.once("SIGINT", () => scheduler.stop());
