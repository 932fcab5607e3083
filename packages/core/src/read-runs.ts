import type { Keys, RedisClient } from "@escapement/redis/internal";
import { readFinished } from "./read-history.js";
import { type NodeInfo, readNodes } from "./read-nodes.js";
import { type RecordHead, readHead } from "./record.js";
import { type Attempt, type Run, readAttempts } from "./run.js";
import { parseRunId } from "./run-id.js";
import { readPlaces as script } from "./scripts/index.js";
import type { Store } from "./store.js";

/** One run, whatever its state; `undefined` if it never was or is not kept any more. */
export async function readRunById(store: Store, id: string): Promise<Run | undefined> {
  // It may be taken out of the dead letters between the look at what goes on and the look at what has ended.
  return (await lookForRun(store, id)) ?? (await lookForRun(store, id));
}

async function lookForRun(store: Store, id: string): Promise<Run | undefined> {
  return (await readUnfinished(store, id)) ?? (await readFinished(store, id));
}

async function readUnfinished(store: Store, id: string): Promise<Run | undefined> {
  const { keys } = store;
  const job = parseRunId(id)?.job;
  const nodes = await readNodes(store);
  const found = await store.commands.run("reading a run", (client) => readPlaces(client, keys, id, nodes));
  const { record, head, others, held } = found;
  const holder = held.findIndex((text) => text !== null);
  const earlier = others === null ? [] : readAttempts(others.slice(others.indexOf("\n") + 1));
  if (holder < 0 && !found.isQueued) return undefined;
  const current = holder < 0 ? undefined : readActive(held[holder] ?? "", nodes[holder]?.id ?? "-");
  const at = parseRunId(id)?.at ?? bodyTime(record) ?? 0;
  const { waits } = found;
  const served = nodes.some(
    (node) =>
      head !== undefined && node.alive && node.tasks.includes(head.task) && node.queues.includes(head.queue),
  );
  const attempts = current === undefined ? earlier : [...earlier, current];
  const latest = attempts.at(-1);
  return {
    id,
    jobId: job,
    // Of what runs, the task that it was claimed for: its job may be another by now.
    task: held[holder]?.split(" ")[4] ?? head?.task,
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

/** Where a run stands. All places are looked at in one moment, since a run moves from one to the next. */
async function readPlaces(
  client: RedisClient,
  keys: Keys,
  id: string,
  nodes: readonly NodeInfo[],
): Promise<Places> {
  const job = parseRunId(id)?.job;
  const record = await (job === undefined ? client.hget(keys.runs, id) : client.hget(keys.jobs, job));
  const head = record === null ? undefined : readHead(record);
  const lane = head === undefined ? keys.ready : keys.readyOf(head.queue, head.task);
  const input = {
    keys: { ...keys, lane },
    args: { prefix: keys.prefix, run: id },
    lists: { nodes: nodes.map((node) => node.id) },
  };
  const texts = await script.send(client, ...script.flatten(input));
  const [others = null, waiting, unstarted, blocked, paused, limited, progress = null, ready, ...held] =
    texts;
  const places = [waiting, unstarted, blocked, paused, limited, ready];
  return {
    record,
    head,
    others,
    progress,
    held,
    waits: waiting !== null,
    isQueued: places.some((place) => place !== null),
  };
}

interface Places {
  readonly record: string | null;
  readonly head: RecordHead | undefined;
  /** What there is of earlier attempts. */
  readonly others: string | null;
  readonly progress: string | null;
  /** By node: what it holds of it. */
  readonly held: readonly (string | null)[];
  readonly waits: boolean;
  readonly isQueued: boolean;
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
