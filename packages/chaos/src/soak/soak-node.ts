// One node of a soak, run as a process of its own: handlers that only count. Prints a line of JSON with what it counted now and then.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createScheduler, type RunContext } from "@escapement/core";
import { type NodeReport, sampleEvery } from "./sample.js";
import { secondOf, Tally } from "./tally.js";

const config = JSON.parse(process.env["ESCAPEMENT_SOAK_NODE"] ?? "null") as Parameters<
  typeof createScheduler
>[0];
const scheduler = createScheduler(config);
const tally = new Tally();
const loop = monitorEventLoopDelay({ resolution: 5 });
let lateness: Record<string, number> = {};
let [retried, refused] = [0, 0];
let before = process.cpuUsage();
let least = { rss: Number.POSITIVE_INFINITY, heapUsed: Number.POSITIVE_INFINITY };

for (const name of ["recurring", "enqueued"])
  scheduler.task(name, ({ id, attempt, scheduledAt }: RunContext) => {
    if (attempt > 1) {
      retried += 1;
      return;
    }
    const late = Math.max(0, Date.now() - scheduledAt.getTime());
    lateness[late] = (lateness[late] ?? 0) + 1;
    tally.add(secondOf(id), id);
  });
scheduler.on("completionRefused", () => {
  refused += 1;
});

process.once("SIGTERM", () => void leave());
await scheduler.start();
loop.enable();
const looking = setInterval(look, 250);
const telling = setInterval(tell, sampleEvery);
console.log("joined");

function look(): void {
  const { rss, heapUsed } = process.memoryUsage();
  least = { rss: Math.min(least.rss, rss), heapUsed: Math.min(least.heapUsed, heapUsed) };
}

function tell(): void {
  look();
  const delay = { p99: loop.percentile(99) / 1e6, max: loop.max / 1e6 };
  const { user, system } = process.cpuUsage(before);
  before = process.cpuUsage();
  const cpu = (user + system) / 1000;
  const report: NodeReport = {
    ...least,
    cpu,
    started: tally.take(),
    retried,
    refused,
    lateness,
    loop: delay,
  };
  console.log(JSON.stringify(report));
  least = { rss: Number.POSITIVE_INFINITY, heapUsed: Number.POSITIVE_INFINITY };
  lateness = {};
  [retried, refused] = [0, 0];
  loop.reset();
}

async function leave(): Promise<void> {
  await scheduler.stop({ timeout: 10_000 });
  clearInterval(looking);
  clearInterval(telling);
  tell();
}
