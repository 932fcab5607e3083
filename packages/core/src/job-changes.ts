import { isParked } from "./compare.js";
import type { Preview } from "./define.js";
import { type Definition, defineJob } from "./definition.js";
import { type JobRecord, readJobRecord, toDefinition } from "./record.js";

/** One field of a job that is, or would become, another. */
export interface FieldChange {
  /** Such as `priority` or `misfire.grace`. */
  readonly field: string;
  /** `undefined`: it was not set, or there was no such job. */
  readonly from: unknown;
  /** `undefined`: it is not set any more, or the job is removed. */
  readonly to: unknown;
}

/** What would become of one job. */
export interface JobChange {
  readonly id: string;
  readonly outcome: "added" | "updated" | "removed";
  /** Of a job that is added or removed: its task, its trigger and what is not the default. */
  readonly fields: readonly FieldChange[];
}

type Fields = Readonly<Record<string, unknown>>;

/** What writing a job would change; `undefined` for one that stays as it is. */
export function changeOf(preview: Preview, set: string | undefined): JobChange | undefined {
  const { item, outcome, stored } = preview;
  const { id, definition, onConflict } = item;
  const own = set ?? stored.set;
  if (outcome === "added") {
    const fields = differences(defaults(), fieldsOf(definition, own));
    return { id, outcome, fields: fields.map(({ field, to }) => ({ field, from: undefined, to })) };
  }
  if (outcome !== "updated") return undefined;
  const kept = onConflict === "keep"; // then it is only taken into the set
  const before = { ...fieldsIn(stored.record), set: stored.set };
  const fields = differences(before, kept ? { ...before, set: own } : fieldsOf(definition, own));
  if (isParked(stored.state) && !kept) fields.push({ field: "state", from: "parked", to: "scheduled" });
  return { id, outcome, fields };
}

/** What removing a job would take away. */
export function removalOf(id: string, record: string, set: string | undefined): JobChange {
  const fields = differences({ ...fieldsIn(record), set }, defaults());
  return {
    id,
    outcome: "removed",
    fields: fields.map(({ field, from }) => ({ field, from, to: undefined })),
  };
}

function differences(before: Fields, after: Fields): FieldChange[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((field) => {
    const [from, to] = [before[field], after[field]];
    if (JSON.stringify(from) === JSON.stringify(to)) return [];
    return [{ field, from, to }];
  });
}

/** A job's options as people name them, each on its own. */
function fieldsOf(definition: Definition, set: string | undefined): Fields {
  const { task, trigger, grace, catchUp, max, input, metadata, startAt, endAt, ...others } = definition;
  const { retry, concurrencyLimit, rateLimit, retain, ...rest } = others;
  return {
    task,
    trigger,
    startAt: dateOf(startAt),
    endAt: dateOf(endAt),
    ...rest,
    ...flat("misfire", { grace, catchUp, max: catchUp === "all" ? max : undefined }),
    ...flat("retry", retry),
    ...flat("concurrencyLimit", concurrencyLimit),
    ...flat("rateLimit", rateLimit),
    ...flat("retain", retain),
    input: parsed(input),
    metadata: parsed(metadata),
    set,
  };
}

function flat(option: string, value: object | undefined): Fields {
  return Object.fromEntries(Object.entries(value ?? {}).map(([name, part]) => [`${option}.${name}`, part]));
}

/** The same of a stored job; nothing of one that cannot be read. */
function fieldsIn(record: string | undefined): Fields {
  if (record === undefined) return {};
  let read: JobRecord;
  try {
    read = readJobRecord(record);
  } catch {
    return {};
  }
  return fieldsOf(toDefinition(read), undefined);
}

/** What a job is of which nothing is said: but for its task and trigger, which it has to have. */
function defaults(): Fields {
  const plain = defineJob("any", { id: "any", trigger: { type: "once", at: ["now"] } }, 0);
  return { ...fieldsOf(plain, undefined), task: undefined, trigger: undefined };
}

function dateOf(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : new Date(ms);
}

function parsed(json: string | undefined): unknown {
  return json === undefined ? undefined : (JSON.parse(json) as unknown);
}
