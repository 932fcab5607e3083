import { openArena } from "../queues/arena.js";
import { bullmq, contestants, escapement } from "../queues/index.js";
import { workOff } from "../queues/work-off.js";
import { type Row, ratiosOf, takeTurns } from "../rounds.js";
import { sectionLines } from "../section.js";
import { sampleSize } from "./no-op.js";
import { queueSection } from "./queue-section.js";
import type { Work } from "./work.js";

/** What a no-op run costs in commands, bytes and CPU time, of those on Redis. */
export const wire: Work = {
  name: "wire",
  about: "commands, bytes and CPU seconds that a no-op run costs at concurrency 100",
  run: async ({ rounds, queueMs }) => {
    const wanted = contestants.filter(({ store }) => store === "redis");
    await using arena = await openArena({ wanted });
    const turns = arena.contestants.map((contestant) => ({
      row: "a run",
      contestant: contestant.name,
      measure: async () => {
        await arena.clear();
        const runs = sampleSize(contestant, 100, queueMs);
        const task = { runs, concurrency: 100 };
        const { store, cpuSeconds } = await workOff(contestant, arena.place, [arena.redis], task);
        return {
          "commands a run, those of scripts included": store.commands / runs,
          "calls of scripts a run": store.scripts / runs,
          "bytes to Redis a run": store.bytesIn / runs,
          "bytes from Redis a run": store.bytesOut / runs,
          "Redis' CPU seconds per million runs": (store.cpuSeconds * 1e6) / runs,
          "Node's CPU seconds per million runs": (cpuSeconds * 1e6) / runs,
        };
      },
    }));
    const { samples, failures } = await takeTurns([turns], Math.min(rounds, 3));
    const rows = Object.entries(samples).map(
      ([name, each]): Row => ({ name, better: "less", samples: each }),
    );
    const names = wanted.map(({ name }) => name);
    const section = queueSection("What a no-op run costs", rows, names, [...failures, ...arena.notes]);
    const ratios = ratiosOf("wire", rows, escapement.name, bullmq.name);
    return { lines: sectionLines(section), figures: { rows, failures, ratios }, section, ratios };
  },
};
