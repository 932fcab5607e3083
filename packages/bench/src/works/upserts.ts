import { openArena } from "../queues/arena.js";
import type { Client, Contestant, Recurring } from "../queues/contestant.js";
import { bullmq, escapement, schedulers } from "../queues/index.js";
import { type Row, ratiosOf, type Turn, takeTurns } from "../rounds.js";
import { sectionLines } from "../section.js";
import { queueSection } from "./queue-section.js";
import type { Work } from "./work.js";

const wave = 1000;
const rowsInOrder = [
  ...["new, concurrent, 1,000 at once", "new, in bulk"],
  ...["changed, concurrent, 1,000 at once", "changed, in bulk"],
];

/** How many recurring jobs a second one process defines, and defines anew with another time of the day. */
export const upserts: Work = {
  name: "upserts",
  about: "recurring jobs a second that one process defines and changes, concurrently and in bulk",
  run: async ({ rounds, queueMs }) => {
    await using arena = await openArena({ wanted: schedulers });
    // As many more of ours as it is faster, so that each sample takes about as long: one of 60 ms would show how code is compiled.
    const theirs = Math.max(50, Math.round(5 * queueMs));
    const ours = 4 * theirs;
    const turn = (contestant: Contestant, how: string, define: Define): Turn => ({
      row: how,
      contestant: contestant.name,
      measure: async () => {
        await arena.clear();
        const jobs = contestant === escapement ? ours : theirs;
        const client = await contestant.client(arena.place);
        await define(client, recurring(Math.ceil(jobs / 10), 8, "warm")); // connections, scripts, compiled code
        const first = await timed(() => define(client, recurring(jobs, 9)));
        const again = await timed(() => define(client, recurring(jobs, 10)));
        await client.close();
        return { [`new, ${how}`]: (jobs * 1000) / first, [`changed, ${how}`]: (jobs * 1000) / again };
      },
    });
    const turns = [
      schedulers.map((contestant) => turn(contestant, "concurrent, 1,000 at once", concurrently)),
      [turn(escapement, "in bulk", inBulk)],
    ];
    const { samples, failures } = await takeTurns(turns, rounds);
    const rows = rowsInOrder.map((name): Row => {
      // There is no other way for BullMQ than many at once.
      const peer = samples[name.replace("in bulk", "concurrent, 1,000 at once")]?.[bullmq.name] ?? [];
      return { name, better: "more", samples: { ...samples[name], [bullmq.name]: peer } };
    });
    const notes = [
      ...failures,
      `Jobs with a daily cron expression: ${ours.toLocaleString("en-US")} of ${escapement.name}, ${theirs.toLocaleString("en-US")} of ${bullmq.name}, which takes about as long. In bulk is \`apply\`.`,
      "BullMQ defines them one by one: its figures in bulk are those of concurrent calls.",
    ];
    const names = schedulers.map(({ name }) => name);
    const section = queueSection("Recurring jobs defined a second", rows, names, notes);
    const ratios = ratiosOf("upserts", rows, escapement.name, bullmq.name);
    return { lines: sectionLines(section), figures: { rows, failures, ratios }, section, ratios };
  },
};

type Define = (client: Client, jobs: readonly Recurring[]) => Promise<unknown>;

const inBulk: Define = async (client, jobs) => client.defineMany?.(jobs);
const concurrently: Define = async (client, jobs) => {
  for (let from = 0; from < jobs.length; from += wave)
    await Promise.all(jobs.slice(from, from + wave).map((job) => client.define?.(job)));
};

function recurring(jobs: number, hour: number, prefix = "job-"): Recurring[] {
  return Array.from({ length: jobs }, (_, n) => ({
    id: `${prefix}${String(n).padStart(16, "0")}`,
    when: { cron: `${n % 60} ${hour} * * *` },
  }));
}

async function timed(doing: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await doing();
  return performance.now() - startedAt;
}
