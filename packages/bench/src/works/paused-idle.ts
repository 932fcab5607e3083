import { setTimeout as pause } from "node:timers/promises";
import { createScheduler, type PauseTarget, type Scheduler } from "@escapement/core";
import { eventually, type RedisServer, startRedis } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { Meter } from "../cost/meter.js";
import { quiet } from "../cost/quiet.js";
import { figure, table } from "../table.js";
import type { Budget, Work } from "./work.js";

const ways: Readonly<Record<string, PauseTarget | "each" | undefined>> = {
  "no jobs": undefined,
  "all paused": "all",
  "their queue paused": { queue: "default" },
  "their task paused": { task: "task" },
  "their tag paused": { tag: "tag" },
  "each paused by a key of its own": "each",
};

interface Figures {
  readonly paused: string;
  /** Commands a second, those that scripts call among them. */
  readonly commands: number;
  /** Share of one core that Redis used. */
  readonly cpu: number;
}

/** What paused jobs cost that are overdue: nothing is polled for them. */
export const pausedIdle: Work = {
  name: "paused-idle",
  about: "commands a second of three idle nodes: without jobs, and with many that are overdue and paused",
  run: async (budget) => {
    // One after the other: what one does to make ready would slow another's loops, and so lower its figure.
    const figures: Figures[] = [];
    for (const name of Object.keys(ways)) figures.push(await measure(name, budget));
    const idle = figures[0]?.commands ?? 0;
    const rows = figures.map(({ paused, commands, cpu }) => [
      paused,
      figure(commands),
      `${figure((100 * commands) / idle)}%`,
      `${figure(cpu * 100)}%`,
    ]);
    return {
      lines: table(["10,000 jobs", "commands/s", "of idle", "Redis' core"], rows),
      figures: { idle: figures },
    };
  },
};

async function measure(name: string, { rounds }: Budget): Promise<Figures> {
  const quick = rounds < 3;
  const server = await startRedis();
  const options = { redis: server.url, namespace: "paused-idle", logger: quiet };
  const nodes = [createScheduler(options), createScheduler(options), createScheduler(options)];
  const redis = server.client();
  try {
    for (const node of nodes) {
      node.task("task", () => undefined);
      await node.start();
    }
    const [first] = nodes;
    if (ways[name] !== undefined && first !== undefined)
      await pauseJobs(first, server, ways[name], quick ? 200 : 10_000);
    // The first sweep of a term hurries through all there is, which takes most of a minute.
    await pause(quick ? 500 : 75_000);
    const meter = new Meter(redis, []);
    const [from, ms] = [await cpuSeconds(server), quick ? 1000 : 60_000];
    const [, { calls }] = await meter.around(() => pause(ms));
    return {
      paused: name,
      commands: (calls * 1000) / ms,
      cpu: ((await cpuSeconds(server)) - from) / (ms / 1000),
    };
  } finally {
    for (const node of nodes) await node.stop();
    redis.disconnect();
    await server.stop();
  }
}

/** Defines jobs that are paused, and waits until each is overdue and put aside. */
async function pauseJobs(
  scheduler: Scheduler,
  server: RedisServer,
  how: PauseTarget | "each",
  count: number,
): Promise<void> {
  const redis = server.client();
  const key = (name: string): string => `escapement:{${scheduler.namespace}}:${name}`;
  const ids = Array.from({ length: count }, (_, index) => `job-${index}`);
  if (how === "each") await redis.mset(Object.fromEntries(ids.map((id) => [key(`pause:job:${id}`), ""])));
  else await scheduler.pause(how, { reason: "the bench" });
  const trigger = every("2s");
  await scheduler.apply(ids.map((id) => ({ task: "task", id, trigger, tags: ["tag"] })));
  const aside = async (): Promise<boolean> => (await redis.zcount(key("frozen"), 0, Date.now())) === count;
  await eventually(aside, { within: 120_000 });
  redis.disconnect();
}

async function cpuSeconds(server: RedisServer): Promise<number> {
  const redis = server.client();
  const text = await redis.info("cpu");
  redis.disconnect();
  const read = (name: string): number => Number(new RegExp(`^${name}:(.+)`, "m").exec(text)?.[1]);
  return read("used_cpu_user") + read("used_cpu_sys");
}
