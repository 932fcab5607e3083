import { type PauseInfo, readPauses } from "../read-pauses.js";
import type { Store } from "../store.js";
import type { Picture } from "./picture.js";

/** How many pairs of queue and task, and how many runs outside of them, are looked at. */
const most = 1000;
/** How many priorities are looked at for the run that has been due for longest. */
const priorities = 16;
const step = 2 ** 42; // of a score, as in scripts/lib/records.lua
const forcedBelow = -1000 * step; // as in scripts/lib/lanes.lua

/** The due runs of one task in one queue. */
export interface DueLane {
  readonly queue: string;
  readonly task: string;
  readonly count: number;
  /** The pause of everything, of the queue or of the task that keeps them from starting. Asked for by force they start all the same. */
  readonly heldBy: PauseInfo | undefined;
}

/** What is due and not taken up, and the pauses that bear on it. */
export interface Backlog {
  readonly lanes: readonly DueLane[];
  /** Due runs that no node has put into a lane yet; counted up to 1000. */
  readonly unsorted: number;
  /** Jobs with a fire time that came while they were paused, whatever paused them; counted up to 1000. */
  readonly heldJobs: number;
  /** Pauses of everything, of the running nodes, and of what is due, by name. */
  readonly pauses: ReadonlyMap<string, PauseInfo>;
}

/** Reads the backlog: a handful of commands, whatever there is. */
export async function readBacklog(store: Store, { now, alive }: Picture): Promise<Backlog> {
  const { keys } = store;
  const [heads, unsorted, heldJobs] = await store.commands.run("reading due runs", (client) =>
    Promise.all([
      client.zrange(keys.ready, 0, most - 1, "WITHSCORES"),
      client.zrange(keys.waiting, "-inf", now, "BYSCORE", "LIMIT", 0, most),
      client.zrange(keys.frozen, "-inf", now, "BYSCORE", "LIMIT", 0, most),
    ]),
  );
  const lanes = heads.flatMap((name, at) => {
    const [queue = "", task = ""] = name.split("@");
    return at % 2 === 0 ? [{ queue, task, forced: Number(heads[at + 1]) < forcedBelow }] : [];
  });
  const counts = await store.commands.run("counting due runs", (client) =>
    Promise.all(lanes.map(({ queue, task }) => client.zcard(keys.readyOf(queue, task)))),
  );
  const pauses = await readPauses(store, [
    "all",
    ...alive.map(({ id }) => `node:${id}`),
    ...lanes.flatMap(({ queue, task }) => [`queue:${queue}`, `task:${task}`]),
  ]);
  return {
    lanes: lanes
      .map(({ queue, task, forced }, index) => ({
        queue,
        task,
        count: counts[index] ?? 0,
        heldBy: forced
          ? undefined
          : (pauses.get("all") ?? pauses.get(`queue:${queue}`) ?? pauses.get(`task:${task}`)),
      }))
      .filter(({ count }) => count > 0),
    unsorted: unsorted.length,
    heldJobs: heldJobs.length,
    pauses,
  };
}

/** How many runs these are. */
export function runsIn(lanes: readonly DueLane[]): number {
  return lanes.reduce((sum, { count }) => sum + count, 0);
}

/**
 * Since when (ms) the first of a lane's runs has been due; `undefined`: the lane is empty by now, or has so many priorities that it is not
 * worth the time. A lane is sorted by priority before time: the first run of each priority is looked at.
 */
export async function dueSince(store: Store, { queue, task }: DueLane): Promise<number | undefined> {
  const lane = store.keys.readyOf(queue, task);
  let [oldest, from]: [number | undefined, number | "-inf"] = [undefined, "-inf"];
  for (let looked = 0; looked < priorities; looked += 1) {
    const [, score] = await store.commands.run("reading the first due run", (client) =>
      client.zrange(lane, from, "+inf", "BYSCORE", "LIMIT", 0, 1, "WITHSCORES"),
    );
    if (score === undefined) return oldest;
    // Times are below one step, so that each priority, and force, which is a step of its own, has a range of scores to itself.
    const base = Math.floor(Number(score) / step) * step;
    oldest = Math.min(oldest ?? Number.POSITIVE_INFINITY, Number(score) - base);
    from = base + step;
  }
  return undefined;
}
