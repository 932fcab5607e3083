import { fields, nameAt, whole } from "./check.js";
import { InvalidOptionError } from "./errors.js";
import { readNodes } from "./read-nodes.js";
import { readRunById } from "./read-runs.js";
import { readHead } from "./record.js";
import type { Run } from "./run.js";
import type { Store } from "./store.js";

/** Whose runs: those of a job, the enqueued ones of a task, or those that a node holds. */
export type RunsOf = { readonly job: string } | { readonly task: string } | { readonly node: string };

/** Runs that have not ended, first to last by id. Each is read by itself: a list of several moments, not of one. */
export async function readUnfinished(store: Store, of: RunsOf, limit: number): Promise<Run[]> {
  const { job, task, node } = fields("of", of, ["job", "task", "node"]);
  if ([job, task, node].filter((name) => name !== undefined).length !== 1)
    throw new InvalidOptionError("of", "must be { job }, { task } or { node }.");
  whole("limit", limit, 1, 10_000);
  const ids = await (job !== undefined
    ? ofJob(store, nameAt("of.job", job), limit)
    : task !== undefined
      ? ofTask(store, nameAt("of.task", task), limit)
      : ofNode(store, nameAt("of.node", node), limit));
  const runs: Run[] = [];
  for (const id of ids) {
    const run = await readRunById(store, id);
    if (run !== undefined && run.finishedAt === undefined) runs.push(run);
  }
  return runs;
}

async function ofJob(store: Store, job: string, limit: number): Promise<string[]> {
  const { keys } = store;
  const nodes = await readNodes(store);
  return store.commands.run("listing runs", async (client) => {
    const record = await client.hget(keys.jobs, job);
    const head = record === null ? undefined : readHead(record);
    const [coming, ready, retried, ...held] = await Promise.all([
      client.zrangebylex(keys.unstarted, `[${job}@`, `(${job}@~`, "LIMIT", 0, limit),
      head === undefined ? [] : client.zrange(keys.readyOf(head.queue, head.task), 0, 999),
      client.hkeys(keys.attempts),
      ...nodes.map(({ id }) => client.hkeys(keys.active(id))),
    ]);
    const found = [...held.flat(), ...retried, ...ready, ...coming].filter((id) => id.startsWith(`${job}@`));
    return [...new Set(found)].sort().slice(0, limit);
  });
}

async function ofTask(store: Store, task: string, limit: number): Promise<string[]> {
  const ids = new Set<string>();
  let cursor = "0";
  do {
    const [next, page] = await store.commands.run("listing runs", (client) =>
      client.hscan(store.keys.runs, cursor, "COUNT", 200),
    );
    for (let index = 0; index < page.length; index += 2) {
      const [id, record] = [page[index], page[index + 1]];
      if (id !== undefined && record !== undefined && readHead(record).task === task) ids.add(id);
    }
    cursor = next;
  } while (cursor !== "0" && ids.size < limit);
  return [...ids].sort().slice(0, limit);
}

/** A node holds no more runs than it may run at once. */
async function ofNode(store: Store, node: string, limit: number): Promise<string[]> {
  const held = await store.commands.run("listing runs", (client) => client.hkeys(store.keys.active(node)));
  return held.sort().slice(0, limit);
}
