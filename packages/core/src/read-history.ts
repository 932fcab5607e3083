import { readHead } from "./record.js";
import type { Retain } from "./retention.js";
import { type Run, readRun } from "./run.js";
import { parseRunId } from "./run-id.js";
import type { Store } from "./store.js";

// The finished runs that are kept: those that failed may stand in a list of their own, results under keys of their own.

/** How many entries of a list are read at once in search of one. */
const page = 500;

/** The finished runs of a job that are still kept, latest first. */
export async function readHistory(store: Store, job: string, limit: number): Promise<Run[]> {
  const { keys } = store;
  const [others, failures, record] = await store.commands.run("reading history", (client) =>
    Promise.all([
      client.lrange(keys.history(job), -limit, -1),
      client.lrange(keys.failures(job), -limit, -1),
      client.hget(keys.jobs, job),
    ]),
  );
  const head = record === null ? undefined : readHead(record);
  const { runs = limit, failed = limit, age } = head?.retain ?? {};
  const kept = [...others.slice(-runs), ...failures.slice(-failed)].map((text) => ({
    text,
    run: readRun(text, { job }),
  }));
  const latest = latestOf(kept, limit, await oldestOf(store, age));
  const results = await resultsOf(
    store,
    job,
    latest.map(({ run }) => nameOf(run)),
  );
  return latest.map(({ text }, index) => ({ ...readRun(text, { job }, results[index]), task: head?.task }));
}

/** The finished enqueued runs of a task that are still kept, latest first. */
export async function readEnqueuedHistory(store: Store, task: string, limit: number): Promise<Run[]> {
  const { keys } = store;
  const lists = await store.commands.run("reading history", (client) =>
    Promise.all(
      [keys.history(`~${task}`), keys.failures(`~${task}`)].map((list) => client.lrange(list, -limit, -1)),
    ),
  );
  const ids = lists.flat();
  if (ids.length === 0) return [];
  const texts = await store.commands.run("reading history", (client) => client.hmget(keys.finished, ...ids));
  const kept = ids.flatMap((id, index) => {
    const text = texts[index];
    return text == null ? [] : [{ text, run: readRun(text, { run: id }) }];
  });
  const latest = latestOf(kept, limit);
  const results = await resultsOf(
    store,
    `~${task}`,
    latest.map(({ run }) => run.id),
  );
  return latest.map(({ text, run }, index) => readRun(text, { run: run.id }, results[index]));
}

/** A run that has ended; `undefined` if it has not, or is not kept any more. */
export async function readFinished(store: Store, id: string): Promise<Run | undefined> {
  const job = parseRunId(id)?.job;
  if (job !== undefined) return readFinishedOf(store, job, id);
  const text = await store.commands.run("reading a run", (client) => client.hget(store.keys.finished, id));
  if (text === null) return undefined;
  const run = readRun(text, { run: id });
  if (run.task === undefined) return run;
  const [result] = await resultsOf(store, `~${run.task}`, [id]);
  return readRun(text, { run: id }, result);
}

async function readFinishedOf(store: Store, job: string, id: string): Promise<Run | undefined> {
  const { keys } = store;
  const record = await store.commands.run("reading a job", (client) => client.hget(keys.jobs, job));
  const head = record === null ? undefined : readHead(record);
  const { runs, failed, age } = head?.retain ?? {};
  const found = await Promise.all([
    search(store, keys.history(job), id, runs),
    search(store, keys.failures(job), id, failed),
  ]);
  const ends = found.flatMap((text) => (text === undefined ? [] : [{ text, run: readRun(text, { job }) }]));
  const [latest] = latestOf(ends, 1, await oldestOf(store, age));
  if (latest === undefined) return undefined;
  const [result] = await resultsOf(store, job, [nameOf(latest.run)]);
  return { ...readRun(latest.text, { job }, result), task: head?.task };
}

/** The latest entry of a run in a list, among its last `most`. What is added meanwhile pushes none out of sight: it is counted from the end. */
async function search(
  store: Store,
  list: string,
  id: string,
  most = Number.POSITIVE_INFINITY,
): Promise<string | undefined> {
  const start = `${id.slice(id.indexOf("@") + 1)} `;
  for (let from = 0; from < most; from += page) {
    const size = Math.min(page, most - from);
    const texts = await store.commands.run("reading history", (client) =>
      client.lrange(list, -from - size, -from - 1),
    );
    const found = texts.findLast((text) => text.startsWith(start));
    if (found !== undefined || texts.length < size) return found;
  }
  return undefined;
}

interface Kept {
  readonly text: string;
  readonly run: Run;
}

/** Of entries of several lists the latest, last first: those that finished after `oldest` (ms). */
function latestOf(kept: readonly Kept[], limit: number, oldest = 0): Kept[] {
  const finishedAt = ({ run }: Kept): number => run.finishedAt?.getTime() ?? 0;
  return kept
    .filter((one) => finishedAt(one) >= oldest)
    .sort((one, other) => finishedAt(one) - finishedAt(other))
    .slice(-limit)
    .reverse();
}

/** When the oldest runs finished that a job's own `age` leaves. */
async function oldestOf(store: Store, age: Retain["age"]): Promise<number | undefined> {
  return age === undefined ? undefined : (await store.nearlyNow()) - age;
}

/** What the result of a run's end is found by: a run that was taken out of the dead letters has ended more than once. */
function nameOf({ id, attempt }: Run): string {
  return attempt > 1 ? `${id}#${attempt}` : id;
}

async function resultsOf(store: Store, owner: string, names: readonly string[]): Promise<(string | null)[]> {
  if (names.length === 0) return [];
  const { keys } = store;
  const [kept, timed] = await store.commands.run("reading results", (client) =>
    Promise.all([client.hmget(keys.results(owner), ...names), client.mget(names.map(keys.result))]),
  );
  return names.map((_, index) => kept[index] ?? timed[index] ?? null);
}
