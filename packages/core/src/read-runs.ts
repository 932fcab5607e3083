import { readFinished } from "./read-history.js";
import { readNodes } from "./read-nodes.js";
import { readHead } from "./record.js";
import { type Attempt, type Run, readAttempts } from "./run.js";
import { parseRunId } from "./run-id.js";
import type { Store } from "./store.js";

/** One run, whatever its state; `undefined` if it never was or is not kept any more. */
export async function readRunById(store: Store, id: string): Promise<Run | undefined> {
  // A run may move between the look at one place and at the next: look again before saying that there is none.
  return (await lookForRun(store, id)) ?? (await lookForRun(store, id));
}

async function lookForRun(store: Store, id: string): Promise<Run | undefined> {
  return (await readUnfinished(store, id)) ?? (await readFinished(store, id));
}

async function readUnfinished(store: Store, id: string): Promise<Run | undefined> {
  const { keys } = store;
  const job = parseRunId(id)?.job;
  const nodes = await readNodes(store);
  const found = await store.commands.run("reading a run", async (client) => {
    const [record, others, waiting, unstarted, blocked, paused, limited, progress, ...held] =
      await Promise.all([
        job === undefined ? client.hget(keys.runs, id) : client.hget(keys.jobs, job),
        client.hget(keys.attempts, id),
        client.zscore(keys.waiting, id),
        client.zscore(keys.unstarted, id),
        client.zscore(keys.blocked, id),
        client.zscore(keys.paused, id),
        client.hget(keys.limited, id),
        client.hget(keys.progress, id),
        ...nodes.map((node) => client.hget(keys.active(node.id), id)),
      ]);
    const head = record === null ? undefined : readHead(record);
    const ready = head === undefined ? null : await client.zscore(keys.readyOf(head.queue, head.task), id);
    return { record, head, others, waiting, unstarted, blocked, paused, limited, progress, held, ready };
  });
  const { record, head, others, held } = found;
  const holder = held.findIndex((text) => text !== null);
  const earlier = others === null ? [] : readAttempts(others.slice(others.indexOf("\n") + 1));
  const inIndex = [
    found.waiting,
    found.unstarted,
    found.blocked,
    found.paused,
    found.limited,
    found.ready,
  ].some((score) => score !== null);
  if (holder < 0 && !inIndex) return undefined;
  const current = holder < 0 ? undefined : readActive(held[holder] ?? "", nodes[holder]?.id ?? "-");
  const at = parseRunId(id)?.at ?? bodyTime(record) ?? 0;
  const waits = found.waiting !== null;
  const served = nodes.some(
    (node) =>
      head !== undefined && node.alive && node.tasks.includes(head.task) && node.queues.includes(head.queue),
  );
  const attempts = current === undefined ? earlier : [...earlier, current];
  const latest = attempts.at(-1);
  return {
    id,
    jobId: job,
    task: head?.task,
    state:
      current !== undefined ? "active" : waits ? (others === null ? "scheduled" : "waiting-retry") : "ready",
    scheduledAt: new Date(at),
    startedAt: current?.startedAt,
    finishedAt: undefined,
    attempt: latest?.attempt ?? 0,
    attempts,
    node: current?.node,
    fencingToken: current?.fencingToken,
    error: latest?.error,
    reason: latest?.reason,
    count: 1,
    result: undefined,
    progress: found.progress === null ? undefined : JSON.parse(found.progress),
    unclaimed: current === undefined && !waits && !served,
  };
}

function readActive(text: string, node: string): Attempt {
  const [token, attempt, started] = text.split(" ");
  return {
    attempt: Number(attempt),
    state: "active",
    node,
    fencingToken: BigInt(token ?? 0),
    startedAt: new Date(Number(started)),
    finishedAt: undefined,
    error: undefined,
    reason: undefined,
  };
}

function bodyTime(record: string | null): number | undefined {
  if (record === null) return undefined;
  const { at } = JSON.parse(record.slice(record.indexOf("\n") + 1)) as { at?: number };
  return at;
}
