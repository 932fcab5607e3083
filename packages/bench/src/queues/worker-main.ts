// A worker process of one contestant: worker-main.js INSTRUCTIONS, with a channel to who started it, whose end is its own.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import type { Contestant, Handle, QueueWorker } from "./contestant.js";
import type { InProcess } from "./in-process.js";
import { now, Records } from "./records.js";
import type { Answer, Instructions, Order, Use } from "./worker-messages.js";

const instructions = JSON.parse(process.argv[2] ?? "{}") as Instructions;
// Each by itself, so that neither the start of a process nor its memory is that of all.
const starts: Readonly<Record<string, () => Promise<Start>>> = {
  Escapement: async () => working((await import("./escapement.js")).escapement),
  BullMQ: async () => working((await import("./bullmq.js")).bullmq),
  "Bee-Queue": async () => working((await import("./bee-queue.js")).beeQueue),
  Agenda: async () => working((await import("./agenda.js")).agenda),
  "pg-boss": async () => working((await import("./pg-boss.js")).pgBoss),
  "Graphile Worker": async () => working((await import("./graphile-worker.js")).graphileWorker),
  croner: async () => firing((await import("./in-process.js")).croner),
  "node-cron": async () => firing((await import("./in-process.js")).nodeCron),
};
type Start = () => QueueWorker | Promise<QueueWorker>;

const records = new Records();
const countEvery = 20; // ms
let worker: QueueWorker | undefined;
let begunAt = 0;
let atBegin: NodeJS.CpuUsage | undefined;
let atFirst: NodeJS.CpuUsage | undefined;
let counting: NodeJS.Timeout | undefined;
const turns = monitorEventLoopDelay({ resolution: 1 });

const handle: Handle = (n, dueAt) => {
  atFirst ??= process.cpuUsage();
  records.add(n, dueAt);
  return instructions.handler === "timer" ? pause(1) : undefined;
};

process.on("disconnect", () => process.exit(1));
process.on("message", (order: Order) => {
  carryOut(order).catch((error: unknown) =>
    say({ kind: "failed", reason: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
const start = await starts[instructions.contestant]?.();
if (start === undefined) throw new Error(`There is no contestant ${instructions.contestant}`);
say({ kind: "ready" });

function working(contestant: Contestant): Start {
  return () => contestant.work(instructions.place, instructions.concurrency, handle);
}

function firing(timers: InProcess): Start {
  return () => timers.start(instructions.jobs, handle);
}

async function carryOut(order: Order): Promise<void> {
  if (order === "begin") await begin();
  if (order === "watch") {
    turns.reset();
    turns.enable();
    say({ kind: "watching" });
  }
  if (order === "use") say({ kind: "use", use: use() });
  if (order === "stop") await stop();
}

async function begin(): Promise<void> {
  begunAt = now();
  atBegin = process.cpuUsage();
  counting = setInterval(() => say({ kind: "count", count: records.count }), countEvery);
  worker = await start?.();
  say({ kind: "begun" });
}

/** What handlers did while it stopped is in the report as well: nothing may run twice. */
async function stop(): Promise<void> {
  const cpuSeconds = secondsSince(atFirst ?? process.cpuUsage());
  await worker?.stop();
  clearInterval(counting);
  say({ kind: "report", report: { columns: records.toColumns(), cpuSeconds, begunAt } });
}

function use(): Use {
  return {
    cpuSeconds: secondsSince(atBegin ?? process.cpuUsage()),
    memory: process.memoryUsage.rss(),
    mostMemory: process.resourceUsage().maxRSS * 1024,
    longestTurn: turns.count > 0 ? turns.max / 1e6 : 0,
  };
}

function secondsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

function say(answer: Answer): void {
  process.send?.(answer);
}
