import { redisWay, startCluster } from "@escapement/testing";
import type { Redis } from "ioredis";
import { type Arena, openArena } from "../queues/arena.js";
import { escapement } from "../queues/index.js";
import { workOff } from "../queues/work-off.js";
import { type Rounds, ratioOf, ratioText, type Turn, takeTurns } from "../rounds.js";
import { type Section, sectionLines } from "../section.js";
import { median, quantile } from "../statistics.js";
import { figure } from "../table.js";
import { leaderMoves } from "./leader-moves.js";
import { sampleSize } from "./no-op.js";
import { coresIn } from "./second-process.js";
import type { Budget, Work } from "./work.js";

/** The numbers of partitions that are compared: what takes its turn as a contestant. */
const numbers = [1, 8] as const;
const [one, many] = numbers.map(columnOf) as [string, string];

/** Where a namespace lies. */
interface Store {
  readonly name: string;
  readonly url: string;
  readonly servers: readonly Redis[];
}

/** What several partitions cost, and bring where they lie on several masters; and how long a partition has no leader when a node is stopped. */
export const partitions: Work = {
  name: "partitions",
  about:
    "no-op runs a second with 1 and 8 partitions, on one Redis and on three masters; how soon leaders move",
  run: async (budget) => {
    await using arena = await openArena({ wanted: [escapement] });
    await using cluster = redisWay() === "process" ? await startCluster({ replicas: 0 }) : undefined;
    const stores: Store[] = [{ name: "one Redis", url: arena.place.redis, servers: [arena.redis] }];
    if (cluster !== undefined) {
      const ports = cluster.nodes.map(({ host, port }) => `${host}:${port}`);
      const servers = cluster.servers.map((server) => server.client());
      stores.push({ name: "three masters", url: `redis+cluster://${ports}`, servers });
    }
    const rows = stores.flatMap((store) => [1, 2].map((processes) => turnsOf(store, processes, budget)));
    const { samples, failures } = await takeTurns(rows, budget.rounds);
    const moves = await movesOf(arena, budget);
    const names = rows.map(([turn]) => turn?.row ?? "");
    const notes = [
      ...failures,
      ...names.map((name) => coresNote(name, samples)),
      `Leaders: ${moves[0]?.length ?? 0} moves with one partition, ${moves[1]?.length ?? 0} with ${numbers[1]}; three nodes of one process with the defaults, of which the one that led most was stopped.`,
      `Concurrency 100 in each process; one partition of a cluster lies on one of its masters. ${cluster === undefined ? "No cluster can be started here. " : ""}All servers, processes and the measuring share the machine's cores.`,
      ...arena.notes,
    ];
    const section: Section = {
      title: "Partitions",
      head: ["", one, many, `${numbers[1]} to 1 (rounds)`],
      rows: [...names.map((name) => cells(name, samples)), ...moveCells(moves)],
      notes,
    };
    return { lines: sectionLines(section), figures: { samples, moves, failures }, section };
  },
};

function columnOf(partitions: number): string {
  return `P = ${partitions}`;
}

function turnsOf({ name, url, servers }: Store, processes: number, { queueMs }: Budget): Turn[] {
  const row = `runs a second, ${name}, ${processes === 1 ? "one process" : "two processes"}`;
  return numbers.map((count) => ({
    row,
    contestant: columnOf(count),
    measure: async () => {
      await Promise.all(servers.map((server) => server.flushall()));
      const task = { runs: processes * sampleSize(escapement, 100, queueMs), concurrency: 100, processes };
      const { perSecond, cores } = await workOff(
        escapement,
        { redis: url, partitions: count },
        servers,
        task,
      );
      return { [row]: perSecond, [coresIn(row)]: cores };
    },
  }));
}

/** Of each number of partitions how long each move took, over all rounds, rising. */
async function movesOf(arena: Arena, { rounds }: Budget): Promise<number[][]> {
  const moves: number[][] = numbers.map(() => []);
  for (let round = 0; round < rounds; round += 1)
    for (const [at, count] of numbers.entries()) {
      await arena.clear();
      moves[at]?.push(...(await leaderMoves(arena.place.redis, count)));
    }
  return moves.map((ms) => ms.sort((a, b) => a - b));
}

function cells(row: string, samples: Rounds["samples"]): string[] {
  const ratio = ratioOf({ name: row, better: "more", samples: samples[row] ?? {} }, many, one);
  const shown = [one, many].map((column) => medianOf(samples[row]?.[column]));
  return [row, ...shown, ratio === undefined ? "–" : ratioText(ratio)];
}

function moveCells(moves: readonly (readonly number[])[]): string[][] {
  const row = (name: string, share: number): string[] => [
    `ms from \`stop()\` until another leads, ${name}`,
    ...moves.map((ms) => figure(quantile(ms, share))),
    "",
  ];
  return [row("p50", 0.5), row("the longest", 1)];
}

function coresNote(row: string, samples: Rounds["samples"]): string {
  const [single, several] = [one, many].map((column) => medianOf(samples[coresIn(row)]?.[column]));
  return `Of ${row}: Redis used ${single} cores with one partition, ${several} with ${numbers[1]}.`;
}

function medianOf(samples: readonly number[] = []): string {
  return samples.length === 0 ? "–" : figure(median(samples));
}
