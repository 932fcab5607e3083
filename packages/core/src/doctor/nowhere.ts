import { readRunById } from "../read-runs.js";
import { readHead } from "../record.js";
import type { Store } from "../store.js";
import type { Picture } from "./picture.js";

/** How many runs of each kind are looked at, and how many of them more closely. */
const [most, closely] = [2000, 20];

/** Runs of which it is known that they have not ended, and that stand in no place from which they would go on. */
export async function runsNowhere(store: Store, { nodes }: Picture): Promise<string[]> {
  const { keys } = store;
  const [[, running], [, enqueued]] = await store.commands.run("reading unfinished runs", (client) =>
    Promise.all([client.hscan(keys.running, 0, "COUNT", most), client.hscan(keys.runs, 0, "COUNT", most)]),
  );
  const values = (entries: readonly string[], odd: 0 | 1): string[] =>
    entries.filter((_, index) => index % 2 === odd).slice(0, most);
  const lanes = new Map<string, string>();
  for (let at = 0; at + 1 < enqueued.length; at += 2)
    lanes.set(enqueued[at] ?? "", laneOf(enqueued[at + 1] ?? ""));
  const runs = [
    ...new Set([...values(running, 1).map((text) => text.split(" ")[0] ?? ""), ...values(enqueued, 0)]),
  ].filter((run) => run !== "");
  const suspects = await withoutPlace(
    store,
    nodes.map(({ id }) => id),
    runs,
    lanes,
  );
  const lost: string[] = [];
  for (const run of suspects.slice(0, closely)) {
    // All its places at one moment: it may have moved from one to the next between two looks.
    const found = await readRunById(store, run);
    if (found === undefined) lost.push(run);
  }
  return lost;
}

/** Those of the runs that were found in no index, looked at one after the other. */
async function withoutPlace(
  store: Store,
  nodes: readonly string[],
  runs: readonly string[],
  lanes: ReadonlyMap<string, string>,
): Promise<string[]> {
  if (runs.length === 0) return [];
  const { keys } = store;
  const names = [...new Set(lanes.values())].filter((lane) => lane !== "");
  const found = await store.commands.run("reading places of runs", (client) =>
    Promise.all<readonly (string | null)[]>([
      ...[keys.waiting, keys.blocked, keys.paused].map((key) => client.zmscore(key, ...runs)),
      client.hmget(keys.limited, ...runs),
      ...nodes.map((node) => client.hmget(keys.active(node), ...runs)),
      ...names.map((lane) => {
        const [queue = "", task = ""] = lane.split("@");
        return client.zmscore(keys.readyOf(queue, task), ...runs);
      }),
    ]),
  );
  return runs.filter((_, index) => found.every((place) => place[index] === null));
}

function laneOf(record: string): string {
  try {
    const { queue, task } = readHead(record);
    return `${queue}@${task}`;
  } catch {
    return "";
  }
}
