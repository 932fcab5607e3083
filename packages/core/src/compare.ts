import { EscapementError } from "@escapement/redis";
import { assertFiring, holdsNow } from "@escapement/triggers";
import type { Item } from "./check-jobs.js";
import type { Definition } from "./definition.js";
import { InvalidOptionError } from "./errors.js";
import { compileSchedule, countsFromCompletion, scheduleOf } from "./job-trigger.js";
import { hasTrigger, type JobRecord, readJobRecord } from "./record.js";

/** What became of a wanted job. */
export interface Defined {
  readonly id: string;
  /** `overtaken`: the job is not of the version that was asked for any more; nothing was written. */
  readonly outcome: "added" | "updated" | "unchanged" | "kept" | "overtaken";
}

/** What the store has of a job. */
export interface Stored {
  readonly record: string | undefined;
  readonly state: string | undefined;
  readonly due: number | undefined;
  /** The set that owns it; read only when a set asks. */
  readonly set: string | undefined;
}

/** What is to be written of a job that is to be as it is not. */
export interface Write {
  readonly item: Item;
  readonly expected: number;
  readonly record: string;
  readonly cursor: string;
  /** The job's creation in ms, which its trigger may count from. */
  readonly created: number;
  /** Fire times of a former trigger that have come, and that nobody will write any more. */
  readonly passed?: Passed;
}

/** Fire times of a former trigger. */
interface Passed {
  /** The first of them, which is the job's cursor, and the last. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** Whether `count` is all of them. */
  readonly exact: boolean;
}

const mostCounted = 10_000;

/**
 * What is to be written of a job, if anything.
 *
 * @param now the store's time, in ms
 * @param set whose it is to be; `undefined`: it stays whose it is
 * @throws EscapementError `JOB_EXISTS`, `JOB_OF_ANOTHER_SET`; InvalidOptionError, InvalidTriggerError for a trigger without a fire time
 */
export function compare(item: Item, stored: Stored, now: number, set: string | undefined): Defined | Write {
  const { id, definition, text, onConflict } = item;
  const { record, state, due } = stored;
  const words = state?.split(" ") ?? [];
  const version = Number(words[0] ?? 0);
  const created = Number(words[1] ?? now);
  if (item.version !== undefined && (record === undefined || item.version !== version))
    return { id, outcome: "overtaken" };
  if (record === undefined) {
    const cursor = firstFireTime(item, now, now);
    return { item, expected: 0, record: `1${text}`, cursor, created: now };
  }
  const write = { item, expected: version, record: version + 1 + text, created };
  if (set !== undefined && stored.set !== undefined && stored.set !== set)
    throw new EscapementError(
      "JOB_OF_ANOTHER_SET",
      `Job ${id} belongs to the set ${stored.set}, not to ${set}.`,
    );
  // What becomes a set's is written, even if it stays as it is.
  const asItIs = (outcome: "kept" | "unchanged"): Defined | Write =>
    set === undefined || stored.set === set
      ? { id, outcome }
      : { ...write, record: record.replace(/^\S+/, String(version + 1)), cursor: "keep" };
  if (onConflict === "keep") return asItIs("kept");
  if (onConflict === "error")
    throw new EscapementError(
      "JOB_EXISTS",
      `There is a job ${id} already. Use onConflict "replace" to change it.`,
    );
  // What was parked starts anew, whatever its definition: that is how it gets out.
  if (words.length > parkedWords) return { ...write, cursor: firstFireTime(item, now, created) };
  if (version + text === record) return asItIs("unchanged");
  if (hasTrigger(record, item.trigger))
    return { ...write, cursor: cursorAfter(id, record, definition, due, now, created) };
  // The store takes no first fire time of a changed trigger that has come already: it may have started under the old one.
  // "now" means the moment at which the trigger was given, not that of the job's creation.
  const anchor = definition.trigger !== undefined && holdsNow(definition.trigger) ? now + 100 : created;
  const cursor = firstFireTime(item, now, anchor);
  const passed = passedOver(id, record, due, now, created);
  return { ...write, cursor, created: anchor, ...(passed !== undefined && { passed }) };
}

/** What a pause, or a leader that is behind, has kept from being written of a trigger that is replaced: it is recorded as missed. */
function passedOver(
  id: string,
  record: string,
  due: number | undefined,
  now: number,
  anchor: number,
): Passed | undefined {
  if (due === undefined || due > now) return undefined;
  const only = { from: due, to: due, count: 1, exact: true };
  try {
    const schedule = scheduleOf(readJobRecord(record));
    if (schedule === undefined || countsFromCompletion(schedule)) return only;
    const compiled = compileSchedule(id, schedule, { anchor, fireTime: due });
    const { count, exact } = compiled.count(due, now, mostCounted);
    return { from: due, to: Math.max(compiled.previous(now) ?? due, due), count: count + 1, exact };
  } catch {
    return { ...only, exact: false }; // a trigger that cannot be computed any more
  }
}

/** The words of a job's state that is not parked, at most: of one that is a reason follows. */
const parkedWords = 3;

/** Whether a job's state says that its fire times could not be computed. */
export function isParked(state: string | undefined): boolean {
  return (state ?? "").split(" ").length > parkedWords;
}

function noFireTime({ startAt, endAt }: Definition): InvalidOptionError {
  return new InvalidOptionError(
    endAt === undefined ? "startAt" : "endAt",
    `leaves no fire time: the trigger has none ${startAt === undefined ? "from now on" : "from startAt on"}${endAt === undefined ? "" : " until endAt"}.`,
  );
}

function firstFireTime({ id, definition, trigger }: Item, now: number, anchor: number): string {
  const schedule = scheduleOf(definition, trigger);
  if (schedule === undefined) return "none";
  const isBounded = schedule.startAt !== undefined || schedule.endAt !== undefined;
  const unbounded = isBounded ? { ...schedule, startAt: undefined, endAt: undefined } : schedule;
  const first = assertFiring(compileSchedule(id, unbounded, { anchor }), now);
  if (!isBounded) return String(first);
  // A fire time at this very instant counts: it is how "now" is written.
  const next = compileSchedule(id, schedule, { anchor }).next(now - 1);
  if (next !== null) return String(next);
  throw noFireTime(definition);
}

/**
 * Where a job goes on whose trigger stays the same: where it is, unless its bounds or `maxRuns` are others. Then from the next
 * fire time that they leave; but what a leader has yet to catch up with stays.
 */
function cursorAfter(
  id: string,
  record: string,
  definition: Definition,
  due: number | undefined,
  now: number,
  anchor: number,
): string {
  const bounds = ({ startAt, endAt, maxRuns }: Definition | JobRecord): string =>
    JSON.stringify([startAt, endAt, maxRuns]);
  const schedule = scheduleOf(definition);
  if (schedule === undefined) return bounds(readJobRecord(record)) === bounds(definition) ? "keep" : "none";
  if (bounds(readJobRecord(record)) === bounds(definition) || (due !== undefined && due <= now))
    return "keep";
  const next = compileSchedule(id, schedule, { anchor, ...(due !== undefined && { fireTime: due }) }).next(
    now - 1,
  );
  if (next !== null) return String(next);
  if (due === undefined) return "keep";
  throw noFireTime(definition);
}
