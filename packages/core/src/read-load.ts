import { whole } from "./check.js";
import { type NodeInfo, readNodes } from "./read-nodes.js";
import { readPauses } from "./read-pauses.js";
import { parseRunId } from "./run-id.js";
import type { Store } from "./store.js";

/** How much there is to do, counted at one moment of Redis' clock. */
export interface ClusterLoad {
  readonly at: Date;
  /** Jobs that are defined. */
  readonly jobs: number;
  /** Runs whose time has not come: of fire times, delayed ones, and further attempts. */
  readonly waiting: number;
  /** Runs that are due and can be claimed. In at most 1000 pairs of queue and task. */
  readonly due: number;
  /** Due runs that wait: for the end of their job's run, or for a place of a concurrency key. */
  readonly held: number;
  /** Due runs of jobs that are paused. */
  readonly paused: number;
  /** Runs that nodes hold. */
  readonly active: number;
  /** Runs that failed for good, and that are kept. */
  readonly deadLetters: number;
  /** Milliseconds for which the first of what is due, and not paused, has been waiting; 0 if nothing is late. */
  readonly lag: number;
}

/** A run that a node holds. */
export interface ActiveRun {
  readonly id: string;
  readonly jobId: string | undefined;
  readonly node: string;
  readonly attempt: number;
  /** By Redis' clock. */
  readonly startedAt: Date;
}

const priority = 2 ** 42; // as in scripts/lib/records.lua

/** Counts what waits and what runs; a handful of commands, whatever there is. */
export async function readLoad(store: Store): Promise<ClusterLoad> {
  const { keys } = store;
  const [now, nodes] = await Promise.all([store.now(), readNodes(store)]);
  const lanes = await readLanes(store);
  return store.commands.run("counting runs", async (client) => {
    const [jobs, waiting, blocked, limited, paused, dead, [, oldest], [, cursor], ...counts] =
      await Promise.all([
        client.hlen(keys.jobs),
        client.zcard(keys.waiting),
        client.zcard(keys.blocked),
        client.hlen(keys.limited),
        client.zcard(keys.paused),
        client.hlen(keys.deadLetters),
        client.zrange(keys.waiting, 0, 0, "WITHSCORES"),
        client.zrange(keys.due, 0, 0, "WITHSCORES"),
        ...lanes.map(({ queue, task }) => client.zcard(keys.readyOf(queue, task))),
      ]);
    const firsts = lanes.filter((lane) => !lane.paused).map(({ first }) => first);
    const times = [...firsts, ...[oldest, cursor].filter((text) => text !== undefined).map(Number)];
    return {
      at: new Date(now),
      jobs,
      waiting,
      due: counts.reduce((one, other) => one + other, 0),
      held: blocked + limited,
      paused,
      active: nodes.reduce((sum, { active }) => sum + active, 0),
      deadLetters: dead,
      lag: Math.max(0, ...times.map((time) => now - time)),
    };
  });
}

interface Lane {
  readonly queue: string;
  readonly task: string;
  /** The time (ms) of its first run. */
  readonly first: number;
  readonly paused: boolean;
}

async function readLanes(store: Store): Promise<Lane[]> {
  const found = await store.commands.run("reading due runs", (client) =>
    client.zrange(store.keys.ready, 0, 999, "WITHSCORES"),
  );
  const lanes: Omit<Lane, "paused">[] = [];
  for (let index = 0; index < found.length; index += 2) {
    const [queue = "", task = ""] = (found[index] ?? "").split("@");
    // The score is lower by as many times `priority` as the run is preferred.
    const first = ((Number(found[index + 1]) % priority) + priority) % priority;
    lanes.push({ queue, task, first });
  }
  const namesOf = ({ queue, task }: { readonly queue: string; readonly task: string }): string[] => [
    "all",
    `queue:${queue}`,
    `task:${task}`,
  ];
  const pauses = await readPauses(store, lanes.flatMap(namesOf));
  return lanes.map((lane) => ({ ...lane, paused: namesOf(lane).some((name) => pauses.has(name)) }));
}

/** Runs that nodes hold, longest running first. Of a node that holds more than some 1000 it knows as many. */
export async function readActiveRuns(store: Store, limit: number): Promise<ActiveRun[]> {
  whole("limit", limit, 1, 10_000);
  const nodes = (await readNodes(store)).filter(({ active }) => active > 0);
  const pages = await store.commands.run("reading running runs", (client) =>
    Promise.all(nodes.map(({ id }) => client.hscan(store.keys.active(id), 0, "COUNT", 1000))),
  );
  const runs = pages.flatMap(([, page], index) => readPage(page, nodes[index]));
  runs.sort(
    (one, other) => one.startedAt.getTime() - other.startedAt.getTime() || (one.id < other.id ? -1 : 1),
  );
  return runs.slice(0, limit);
}

function readPage(page: readonly string[], node: NodeInfo | undefined): ActiveRun[] {
  const runs: ActiveRun[] = [];
  for (let index = 0; index < page.length; index += 2) {
    const id = page[index] ?? "";
    const [, attempt, started] = (page[index + 1] ?? "").split(" ");
    const startedAt = new Date(Number(started));
    if (Number.isNaN(startedAt.getTime())) continue;
    runs.push({ id, jobId: parseRunId(id)?.job, node: node?.id ?? "-", attempt: Number(attempt), startedAt });
  }
  return runs;
}
