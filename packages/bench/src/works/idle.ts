import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { Redis } from "ioredis";
import { type Arena, openArena } from "../queues/arena.js";
import type { Contestant } from "../queues/contestant.js";
import { bullmq, contestants, escapement } from "../queues/index.js";
import { readStore, since } from "../queues/store-reading.js";
import { WorkerProcess } from "../queues/worker-process.js";
import { type Row, ratiosOf, takeTurns } from "../rounds.js";
import { sectionLines } from "../section.js";
import { queueSection } from "./queue-section.js";
import type { Work } from "./work.js";

const nodes = 3;

/** What nodes cost that have nothing to do. */
export const idle: Work = {
  name: "idle",
  about: "commands a second and CPU time of three workers that have nothing to do",
  run: async ({ rounds }) => {
    const [settleMs, ms] = rounds < 3 ? [1000, 2000] : [12_000, 20_000];
    const wanted = contestants.filter(({ store }) => store === "redis");
    await using arena = await openArena({ wanted });
    const turns = arena.contestants.map((contestant) => ({
      row: "idle",
      contestant: contestant.name,
      measure: () => measure(arena, contestant, settleMs, ms),
    }));
    const { samples, failures } = await takeTurns([turns], 1);
    const rows = Object.entries(samples).map(
      ([name, each]): Row => ({ name, better: "less", samples: each }),
    );
    const notes = [
      ...failures,
      `Over ${ms / 1000} s, ${settleMs / 1000} s after they were started; no jobs.`,
    ];
    const names = wanted.map(({ name }) => name);
    const section = queueSection("Three workers with nothing to do", rows, names, notes);
    const ratios = ratiosOf("idle", rows, escapement.name, bullmq.name);
    return { lines: sectionLines(section), figures: { rows, failures, ratios }, section, ratios };
  },
};

/** How many commands Redis is sent in so many ms: those that scripts call are left out. */
async function countSent({ options }: Redis, ms: number): Promise<number> {
  // Not by a client's own: ioredis takes what is told in the same packet as the answer to MONITOR for answers.
  const socket = connect(options.port ?? 6379, options.host);
  socket.write("MONITOR\r\n");
  let text = "";
  socket.setEncoding("latin1").on("data", (part: string) => {
    text += part;
  });
  await pause(ms);
  socket.destroy();
  return text.split("\r\n").filter((line) => /^\+\d/.test(line) && !/^\S+ \[\d+ lua\]/.test(line)).length;
}

async function measure(
  arena: Arena,
  { name }: Contestant,
  settleMs: number,
  ms: number,
): Promise<Record<string, number>> {
  await arena.clear();
  const instructions = { contestant: name, place: arena.place, concurrency: 20, jobs: 0 } as const;
  const started = Array.from({ length: nodes }, () =>
    WorkerProcess.start({ ...instructions, handler: "nothing" }),
  );
  const workers = await Promise.all(started);
  const cpu = async (): Promise<number> => {
    const uses = await Promise.all(workers.map((worker) => worker.use()));
    return uses.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
  };
  try {
    await Promise.all(workers.map((worker) => worker.begin()));
    await pause(settleMs);
    const [before, cpuBefore] = [await readStore(arena.redis), await cpu()];
    await pause(ms);
    const [cpuAfter, store] = [await cpu(), since(before, await readStore(arena.redis))];
    const sent = await countSent(arena.redis, ms); // by itself, since looking at each costs Redis time
    const seconds = ms / 1000;
    return {
      "commands sent a second a node": sent / seconds / nodes,
      "commands a second a node, with those within scripts": (store.commands - 1) / seconds / nodes, // one: the reading
      "bytes a second a node": (store.bytesIn + store.bytesOut) / seconds / nodes,
      "% of a core, Redis": (100 * store.cpuSeconds) / seconds,
      "% of a core, a node": (100 * (cpuAfter - cpuBefore)) / seconds / nodes,
    };
  } finally {
    for (const worker of workers) worker.kill();
  }
}
