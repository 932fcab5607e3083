import { readNodes } from "./read-nodes.js";
import { readPauses as script } from "./scripts/index.js";
import type { Store } from "./store.js";

/** A pause that is in place: what its key says, and since when. */
export interface PauseInfo {
  /** What follows `pause:` in its key: `all`, `job:<id>`, `tag:<tag>`, `queue:<queue>`, `task:<task>` or `node:<id>`. */
  readonly target: string;
  /** Why: free text of whoever set it, at most 1000 characters of it; empty if the key is of another type than a string. */
  readonly reason: string;
  /** Who; `undefined` if the key does not say, as one that was set by hand. */
  readonly by: string | undefined;
  /** Since when; of a key that does not say: when the cluster noticed it, `undefined` before. */
  readonly since: Date | undefined;
  /** When it ends by itself; `undefined`: it does not, or later than a Date can say. */
  readonly until: Date | undefined;
  /** After how many failures in a row the job paused itself; `undefined` for any other pause. */
  readonly failures: number | undefined;
}

const mostReason = 1000;
/** Redis takes later ends than a Date can be. */
const latestDate = 8.64e15;

/** The pauses of these names that there are, by name: those of partition 0, and those of jobs here that have yet to be carried there. */
export async function readPauses(
  store: Store,
  names: readonly string[],
): Promise<ReadonlyMap<string, PauseInfo>> {
  const wanted = [...new Set(names)];
  const found = new Map<string, PauseInfo>();
  for (let from = 0; from < wanted.length; from += 5000) {
    const some = wanted.slice(from, from + 5000);
    const [[, lines], own] = await Promise.all([page(store.home, some, ""), notCarried(store, some)]);
    for (const line of [...own, ...lines]) add(found, line);
  }
  return found;
}

/**
 * All pauses of what there is: everything, jobs and their tags, queues, tasks and nodes; and others that have been noticed. Goes
 * through all jobs, on the server, a page at a time.
 */
export async function listPauses(store: Store): Promise<PauseInfo[]> {
  const names = ["all", ...(await namesBesideJobs(store))];
  const found = new Map(await readPauses(store, names));
  const isElsewhere = store !== store.home;
  const seen = new Set(names);
  let cursor = "0";
  do {
    const [next, lines] = await page(store, [], cursor, isElsewhere);
    if (isElsewhere) {
      for (const [name, pause] of await readPauses(
        store,
        lines.filter((name) => !seen.has(name)),
      ))
        found.set(name, pause);
      for (const name of lines) if (!name.startsWith("job:")) seen.add(name);
    } else for (const line of lines) add(found, line);
    cursor = next;
  } while (cursor !== "0");
  return [...found.values()].sort((one, other) => (one.target < other.target ? -1 : 1));
}

/** The names of pauses that noted ones, nodes and enqueued runs could have. */
async function namesBesideJobs(store: Store): Promise<string[]> {
  const nodes = await readNodes(store);
  const [noticed, lanes] = await store.commands.run("reading pauses", (client) =>
    Promise.all([client.hkeys(store.keys.pauses), client.zrange(store.keys.ready, 0, 9999)]),
  );
  return [
    ...noticed,
    ...nodes.flatMap(({ id, queues, tasks }) => [`node:${id}`, ...ofLanes(queues, tasks)]),
    ...lanes.flatMap((lane) => {
      const [queue = "", task = ""] = lane.split("@");
      return ofLanes([queue], [task]);
    }),
  ];
}

function ofLanes(queues: readonly string[], tasks: readonly string[]): string[] {
  return [...queues.map((name) => `queue:${name}`), ...tasks.map((name) => `task:${name}`)];
}

/** The names of the pauses that hold back a job's runs. */
export function pausesOfJob(job: {
  readonly id: string;
  readonly queue: string;
  readonly task: string;
  readonly tags: readonly string[];
}): string[] {
  const { id, queue, task, tags } = job;
  return ["all", `queue:${queue}`, `task:${task}`, `job:${id}`, ...tags.map((tag) => `tag:${tag}`)];
}

/** The pauses that jobs of a further partition have set themselves and that partition 0 has yet to hear of. */
async function notCarried(store: Store, names: readonly string[]): Promise<string[]> {
  const own = names.filter((name) => name.startsWith("job:"));
  if (store === store.home || own.length === 0) return [];
  const said = await store.commands.run("reading pauses", (client) => client.hmget(store.keys.carry, ...own));
  return own.flatMap((name, at) =>
    said[at]?.startsWith("+") ? [`${name} 0 0 ${JSON.stringify(said[at].slice(1))}`] : [],
  );
}

function page(
  store: Store,
  names: readonly string[],
  cursor: string,
  bare = false,
): Promise<[string, string[]]> {
  const { prefix, meta } = store.keys;
  const input = { keys: { meta }, args: { prefix, cursor, bare: bare ? 1 : 0 }, lists: { names } };
  return script.run(store.commands, input);
}

function add(found: Map<string, PauseInfo>, line: string): void {
  const pause = parsePause(line);
  found.set(pause.target, pause);
}

/** Reads `<name> <noticed> <end> <value as JSON>`: times in ms, 0 for none. */
export function parsePause(line: string): PauseInfo {
  const [target = "", noticed = "0", end = "0", ...rest] = line.split(" ");
  return {
    target,
    ...saidIn(JSON.parse(rest.join(" ") || '""') as string, Number(noticed)),
    until: end === "0" || Number(end) > latestDate ? undefined : new Date(Number(end)),
  };
}

/** What a key's value says: JSON of this package, or free text. */
function saidIn(value: string, noticed: number): Pick<PauseInfo, "reason" | "by" | "since" | "failures"> {
  const { reason, by, since, failures } = ours(value);
  const at = typeof since === "string" ? Date.parse(since) : Number.NaN;
  return {
    reason: cut(typeof reason === "string" ? reason : value),
    by: typeof by === "string" ? cut(by) : undefined,
    since: Number.isNaN(at) ? (noticed === 0 ? undefined : new Date(noticed)) : new Date(at),
    failures: typeof failures === "number" ? failures : undefined,
  };
}

function ours(value: string): Record<string, unknown> {
  if (!value.startsWith("{")) return {};
  try {
    const said = JSON.parse(value) as unknown;
    return typeof said === "object" && said !== null ? (said as Record<string, unknown>) : {};
  } catch {
    return {}; // free text that begins with a brace
  }
}

function cut(text: string): string {
  return text.length <= mostReason ? text : `${text.slice(0, mostReason - 1)}…`;
}
