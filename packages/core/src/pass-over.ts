import type { CompiledTrigger } from "@escapement/triggers";
import { mostCounted } from "./catch-up.js";
import type { Events } from "./events.js";
import { compileSchedule, countsFromCompletion, none, scheduleOf } from "./job-trigger.js";
import { pausesOfJob } from "./read-pauses.js";
import { readHead, readJobRecord } from "./record.js";
import { passOver } from "./scripts/index.js";
import type { Store } from "./store.js";
import { Turns } from "./turns.js";

/** Which fire times to pass over, under which pause. */
export interface PassOver {
  /** The pause: what follows `pause:` in its key. */
  readonly name: string;
  /** Those before this time (ms). */
  readonly before: number;
  /** Of all jobs that the pause names; else of those that go on from now by themselves. */
  readonly all: boolean;
  /** The leader's term, for a pause that is over; without one it must be there. */
  readonly epoch?: number;
}

/** What is passed over of a job from its next fire time on, and with which one it goes on. */
export interface Passed {
  readonly next: number | undefined;
  readonly count: number;
  /** The last that is passed over; 0 if none is. */
  readonly to: number;
  /** Whether `count` is all of them. */
  readonly exact: boolean;
}

/** A page of jobs that a pause may name, and where the next one begins. */
interface Page {
  readonly ids: readonly string[];
  readonly next: string;
}

const batch = 100;
const rounds = 10;

/** Which fire times from `cursor` (a fire time) on lie before a time. Nothing is enumerated. */
export function fireTimesBefore(trigger: CompiledTrigger, cursor: number, before: number): Passed {
  if (cursor >= before) return { next: cursor, count: 0, to: 0, exact: true };
  const { count, exact } = trigger.count(cursor, before - 1, mostCounted);
  return {
    next: trigger.next(before - 1) ?? undefined,
    count: count + 1,
    // Not before the cursor, whatever became of the trigger's rules since it was computed.
    to: Math.max(trigger.previous(before - 1) ?? cursor, cursor),
    exact,
  };
}

/** Passes over the fire times of all jobs that a pause names. Answers whether the pause was there all the time. */
export async function passOverPaused(store: Store, how: PassOver, events?: Events): Promise<boolean> {
  let cursor: string | undefined = "0";
  while (cursor !== undefined) {
    const next: string | undefined | false = await passOverPage(store, how, cursor, events);
    if (next === false) return false;
    cursor = next;
  }
  return true;
}

/**
 * One page of the jobs that a pause names; the first one is at `"0"`. Answers where the next one begins, `undefined` after the last one, and
 * `false` if the pause is not as expected: not there, or, for a leader, there or dealt with.
 */
export async function passOverPage(
  store: Store,
  how: PassOver,
  cursor: string,
  events?: Events,
): Promise<string | undefined | false> {
  const { ids, next } = await pageOf(store, how, cursor);
  for (let from = 0; from < ids.length; from += batch)
    if (
      !(await isThere(store, how)) ||
      !(await passOverJobs(store, how, ids.slice(from, from + batch), events))
    )
      return false;
  if (next !== "0") return next;
  return how.epoch === undefined || (await write(store, how, [], true)) !== undefined ? undefined : false;
}

/** Whether partition 0 has the pause still, by which it does not end half-way. */
async function isThere(store: Store, how: PassOver): Promise<boolean> {
  return (
    store === store.home || how.epoch !== undefined || (await write(store.home, how, [], false)) !== undefined
  );
}

async function pageOf(store: Store, how: PassOver, cursor: string): Promise<Page> {
  const { name, all } = how;
  if (name.startsWith("job:")) return { ids: [name.slice(4)], next: "0" };
  const { keys } = store;
  return connection(store, how).run("listing jobs", async (client) => {
    if (!all) {
      const [next, ids] = await client.sscan(keys.resumeNow, cursor, "COUNT", 200);
      return { ids, next };
    }
    const [next, page] = await client.hscan(keys.jobs, cursor, "COUNT", 200);
    return { ids: page.filter((id, at) => at % 2 === 0 && isNamed(id, page[at + 1] ?? "", name)), next };
  });
}

function isNamed(id: string, record: string, name: string): boolean {
  return pausesOfJob({ ...readHead(record), id }).includes(name);
}

/** A job as it was read, and what is to become of it. */
interface Item {
  readonly id: string;
  readonly version: string;
  readonly cursor: number | undefined;
  readonly passed: Passed;
}

/** Those that are changed by others meanwhile are read again. */
async function passOverJobs(
  store: Store,
  how: PassOver,
  all: readonly string[],
  events: Events | undefined,
): Promise<boolean> {
  let ids = all;
  for (let round = 0; round < rounds; round += 1) {
    const items = await readItems(store, how, ids);
    if (items.length === 0) return true;
    const done = await write(store, how, items, false);
    if (done === undefined) return false;
    ids = items.flatMap(({ id }, at) => (done[at] === "1" ? [] : [id]));
    if (ids.length === 0) return true;
  }
  const message = `Jobs are being changed by others all the time, and go on with what they missed: ${ids.join(", ")}.`;
  events?.emit("error", { step: "resume", error: new Error(message) });
  return true;
}

/** Answers a digit a job; `undefined` if the pause is not as expected. `last`: of a pause that is over no more is to be passed over. */
async function write(
  store: Store,
  how: PassOver,
  items: readonly Item[],
  last: boolean,
): Promise<string | undefined> {
  const { prefix: _, ...keys } = store.keys;
  const { name, before, epoch = "" } = how;
  const jobs = items.flatMap(({ id, version, cursor, passed: { next, count, to, exact } }) => [
    ...[id, version, cursor ?? "", next ?? "", count, to],
    exact ? 1 : 0,
  ]);
  const args = { ...store.history, ...store.founding, name, before, epoch, last: last ? 1 : 0 };
  const [, there, done] = await store.timedWhenFull(
    () => passOver.run(connection(store, how), { keys, args, lists: { jobs } }),
    ([time]) => time,
  );
  return there === 1 ? done : undefined;
}

/** A leader must know now or not at all. */
function connection(store: Store, { epoch }: PassOver): Store["commands"] {
  return epoch === undefined ? store.commands : store.lease;
}

async function readItems(store: Store, how: PassOver, ids: readonly string[]): Promise<Item[]> {
  if (ids.length === 0) return [];
  const { keys } = store;
  const [records, states, due, frozen] = await connection(store, how).run("reading jobs", (client) =>
    Promise.all([
      client.hmget(keys.jobs, ...ids),
      client.hmget(keys.state, ...ids),
      client.zmscore(keys.due, ...ids),
      client.zmscore(keys.frozen, ...ids),
    ]),
  );
  const turns = new Turns();
  const items: Item[] = [];
  for (const [at, id] of ids.entries()) {
    await turns.next();
    const [record, state] = [records[at], states[at]];
    if (record == null || state == null || !isNamed(id, record, how.name)) continue;
    if (!how.all && readHead(record).resumeFrom !== "now") continue;
    const score = due[at] ?? frozen[at];
    const cursor = score == null ? undefined : Number(score);
    const [version = "", created] = state.split(" ");
    items.push({ id, version, cursor, passed: passedOf(id, record, cursor, Number(created), how.before) });
  }
  return items;
}

const nothing: Passed = { next: undefined, count: 0, to: 0, exact: true };

/** Of a job whose fire times cannot be computed only what was written is passed over; the leader says what is wrong with it. */
function passedOf(
  id: string,
  record: string,
  cursor: number | undefined,
  anchor: number,
  before: number,
): Passed {
  if (cursor === undefined) return nothing;
  try {
    const schedule = scheduleOf(readJobRecord(record));
    if (schedule === undefined) return nothing;
    const trigger = countsFromCompletion(schedule)
      ? none(schedule)
      : compileSchedule(id, schedule, { anchor, fireTime: cursor });
    return fireTimesBefore(trigger, cursor, before);
  } catch {
    return nothing;
  }
}
