import { createHash } from "node:crypto";
import { type Definition, defineJob } from "./definition.js";
import { assertTies, isTied } from "./dependencies.js";
import { InvalidOptionError } from "./errors.js";
import type { JobOptions } from "./job.js";
import { compileSchedule, scheduleOf } from "./job-trigger.js";
import { locate } from "./locate.js";
import { unversionedRecord } from "./record.js";
import { repeat } from "./repeat.js";
import type { Store } from "./store.js";

/** A job that is to be as `options` say. */
export interface Wanted {
  readonly task: string;
  readonly options: JobOptions;
  /** Whether each option has been read, by {@link jobOptions}. */
  readonly read?: boolean;
  /** Only if the stored job is of this version still. */
  readonly version?: number;
  /** Its place in a list of many, such as `jobs[3]`, for messages. */
  readonly where?: string;
}

/** A wanted job that has been checked. */
export interface Item {
  readonly id: string;
  readonly definition: Definition;
  /** Its trigger as JSON. */
  readonly trigger: string | undefined;
  /** Its record but for the version. */
  readonly text: string;
  readonly onConflict: "replace" | "keep" | "error";
  readonly version: number | undefined;
  readonly where: string | undefined;
}

/** Checks definitions, and that their triggers can fire at all. `whole`: all that is defined at the same time, if that is more. */
export async function checkJobs(
  store: Store,
  wanted: readonly Wanted[],
  maxInput: number,
  whole?: readonly Item[],
): Promise<Item[]> {
  const items = wanted.map((one) => checkJob(one, maxInput));
  assertDifferent(items);
  const now = await repeat(store.deadline, () => store.nearlyNow());
  for (const item of items) locate(item.where, item.id, () => assertComputable(item, now));
  await assertTies(store, whole ?? items);
  return items;
}

/** The same of a single one, at once where nothing has to be asked. */
export function checkAlone(store: Store, wanted: Wanted, maxInput: number): Item | Promise<Item> {
  const { clock } = store;
  if (!clock.isKnown) return checkJobs(store, [wanted], maxInput).then(([item]) => item as Item);
  const item = checkJob(wanted, maxInput);
  assertComputable(item, clock.now());
  return isTied(item) ? assertTies(store, [item]).then(() => item) : item;
}

/** Checks one definition, as far as that goes without the time. */
export function checkJob({ task, options, read, version, where }: Wanted, maxInput: number): Item {
  const definition =
    where === undefined
      ? defineJob(task, options, maxInput, read)
      : locate(where, options?.id, () => defineJob(task, options, maxInput, read));
  const trigger: string | undefined = JSON.stringify(definition.trigger);
  const text = unversionedRecord(definition, trigger);
  const onConflict = options.onConflict ?? "replace";
  return { id: options.id, definition, trigger, text, onConflict, version, where };
}

/** Refuses an id that stands twice. */
export function assertDifferent(items: readonly { readonly id: string }[]): void {
  const seen = new Set<string>();
  for (const { id } of items) {
    if (seen.has(id)) throw new InvalidOptionError("id", `job ${id} is defined twice in one call.`);
    seen.add(id);
  }
}

/** What tells the content of jobs apart: the same for the same jobs, in whatever order. */
export function digestOf(items: readonly Item[]): string {
  const texts = items.map(({ id, text, onConflict }) => JSON.stringify([id, onConflict, `0${text}`]));
  return createHash("sha256").update(texts.sort().join("\n")).digest("hex").slice(0, 16);
}

// That a trigger can fire at all; whether it still will is judged against what is stored.
function assertComputable({ id, definition, trigger }: Item, now: number): void {
  const schedule = scheduleOf(definition, trigger);
  if (schedule !== undefined) compileSchedule(id, schedule, { anchor: now });
}
