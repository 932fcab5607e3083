// Service A of two: it defines jobs and triggers runs, and runs nothing itself. billing-worker.ts does.
//
//   ESCAPEMENT_REDIS_URL=redis://localhost:6379 node dist/billing-api.js
import { createScheduler } from "@escapement/core";
import { every } from "@escapement/triggers";

const namespace = process.env["ESCAPEMENT_NAMESPACE"] ?? "billing";
await using scheduler = createScheduler({ namespace });

await scheduler.schedule("send-reminders", { id: "reminders", trigger: every("1s"), queue: "billing" });

const invoice = await scheduler.enqueue("send-invoice", {
  id: "invoice-2026-17", // asking twice queues it once
  queue: "billing",
  input: { customer: "c-42", cents: 1999 },
});
console.log(`queued ${invoice.id}`);

// Nothing runs this task anywhere: the run waits, and can be seen to.
const orphan = await scheduler.enqueue("print-cheque", { queue: "billing" });
const waiting = await orphan.get();
console.log(
  `${waiting?.task} is ${waiting?.state}${waiting?.unclaimed ? ", and no node has a handler for it" : ""}`,
);

console.log("invoice:", JSON.stringify(await invoice.result({ timeout: 30_000 })));
