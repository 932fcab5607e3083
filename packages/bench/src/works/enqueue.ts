import { openArena } from "../queues/arena.js";
import type { Client, Contestant } from "../queues/contestant.js";
import { bullmq, contestants, escapement } from "../queues/index.js";
import { type Row, ratiosOf, takeTurns } from "../rounds.js";
import { sectionLines } from "../section.js";
import { queueSection } from "./queue-section.js";
import type { Work } from "./work.js";

const wave = 1000;
const bulk = 5000;

interface Way {
  readonly name: string;
  /** What of the pace of many runs is so queued, about: sizes samples. */
  readonly share: number;
  queue(client: Client, runs: number): Promise<void>;
}

const ways: readonly Way[] = [
  {
    name: "one by one",
    share: 0.2,
    queue: async (client, runs) => {
      for (let n = 0; n < runs; n += 1) await client.enqueue(n);
    },
  },
  {
    name: "concurrent, 1,000 at once",
    share: 0.7,
    queue: async (client, runs) => {
      for (let from = 0; from < runs; from += wave)
        await Promise.all(numbers(from, Math.min(from + wave, runs)).map((n) => client.enqueue(n)));
    },
  },
  {
    name: "in bulk, 5,000 a call",
    share: 1,
    queue: async (client, runs) => {
      for (let from = 0; from < runs; from += bulk)
        await client.enqueueMany(numbers(from, Math.min(from + bulk, runs)));
    },
  },
];

/** How many runs a second one process queues. */
export const enqueue: Work = {
  name: "enqueue",
  about: "runs a second that one process queues: one by one, concurrently and in bulk",
  run: async ({ rounds, queueMs }) => {
    await using arena = await openArena();
    const turn = (contestant: Contestant, { name, share, queue }: Way) => ({
      row: name,
      contestant: contestant.name,
      measure: async () => {
        await arena.clear();
        const client = await contestant.client(arena.place);
        const runs = Math.max(20, Math.round((contestant.pace.many * share * queueMs) / 1000));
        // Connections, scripts and compiled code are not what is measured.
        await queue(client, Math.ceil(runs / 10));
        const startedAt = performance.now();
        await queue(client, runs);
        const ms = performance.now() - startedAt;
        await client.close();
        return (runs * 1000) / ms;
      },
    });
    const turns = ways.map((way) =>
      arena.contestants
        .filter(({ bulk }) => bulk || way.name !== ways.at(-1)?.name)
        .map((contestant) => turn(contestant, way)),
    );
    const { samples, failures } = await takeTurns(turns, rounds);
    const rows = ways.map(({ name }): Row => ({ name, better: "more", samples: samples[name] ?? {} }));
    const names = contestants.map(({ name }) => name);
    const section = queueSection("Runs queued a second", rows, names, [...failures, ...arena.notes]);
    const ratios = ratiosOf("enqueue", rows, escapement.name, bullmq.name);
    return { lines: sectionLines(section), figures: { rows, failures, ratios }, section, ratios };
  },
};

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
