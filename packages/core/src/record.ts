import { parseTrigger, type Trigger } from "@escapement/triggers";
import type { Definition } from "./definition.js";
import type { CatchUp, Delivery } from "./job.js";

// A record is one line that scripts read and a body that they do not; records.lua says the same in Lua.

/** What a claimed run's body says. */
export interface Body {
  readonly input?: unknown;
  /** The time at which an enqueued run was to start, in ms. */
  readonly at?: number;
  /** Milliseconds. */
  readonly timeout?: number;
}

type Head = Pick<Definition, "queue" | "task" | "priority" | "delivery" | "maxLost">;

function head(version: number, definition: Head, overlap: string, grace: string, catchUp: string): string {
  const { queue, task, priority, delivery, maxLost } = definition;
  return [
    version,
    queue,
    task,
    priority,
    delivery === "at-least-once" ? "r" : "l",
    overlap,
    grace,
    catchUp,
    maxLost,
  ].join(" ");
}

// Texts that are JSON already are laid in as they are.
function body(parts: Record<string, string | undefined>): string {
  const inside = Object.entries(parts).filter(([, text]) => text !== undefined);
  return `{${inside.map(([name, text]) => `"${name}":${text}`).join(",")}}`;
}

/** A job's record. */
export function writeJobRecord(version: number, definition: Definition): string {
  const { overlap, grace, catchUp, max, trigger, input, tags, metadata, timeout } = definition;
  const first = head(
    version,
    definition,
    overlap === "skip" ? "s" : "a",
    String(grace),
    catchUp === "all" ? `all:${max}` : catchUp,
  );
  const text = body({
    trigger: JSON.stringify(trigger),
    input,
    timeout: timeout === undefined ? undefined : String(timeout),
    tags: tags.length === 0 ? undefined : JSON.stringify(tags),
    metadata,
  });
  return `${first}\n${text}`;
}

/** An enqueued run's record. */
export function writeRunRecord(options: Head & Pick<Definition, "input" | "timeout">, at: number): string {
  const text = body({
    at: String(at),
    input: options.input,
    timeout: options.timeout === undefined ? undefined : String(options.timeout),
  });
  return `${head(0, options, "a", "-", "none")}\n${text}`;
}

/** What the first line of a record says. */
export interface RecordHead {
  readonly version: number;
  readonly queue: string;
  readonly task: string;
  readonly priority: number;
  readonly delivery: Delivery;
  readonly overlap: "skip" | "allow";
  readonly grace: number;
  readonly catchUp: CatchUp;
  readonly max: number;
  readonly maxLost: number;
}

/** Reads a record's first line. */
export function readHead(record: string): RecordHead {
  const parts = record.slice(0, record.indexOf("\n")).split(" ");
  const [version, queue = "", task = "", priority, delivery, overlap, grace, catchUp = "", maxLost] = parts;
  const [policy, max] = catchUp.split(":");
  return {
    version: Number(version),
    queue,
    task,
    priority: Number(priority),
    delivery: delivery === "r" ? "at-least-once" : "at-most-once",
    overlap: overlap === "s" ? "skip" : "allow",
    grace: grace === "-" ? Number.POSITIVE_INFINITY : Number(grace),
    catchUp: policy as CatchUp,
    max: max === undefined ? 100 : Number(max),
    maxLost: Number(maxLost),
  };
}

/** A job's record, read back. The trigger is validated again: the store may have been written by others. */
export interface JobRecord extends RecordHead {
  readonly trigger: Trigger;
  readonly input: unknown;
  readonly tags: readonly string[];
  readonly metadata: unknown;
  readonly timeout: number | undefined;
}

/** Reads a job's whole record. Throws for one that holds no JSON or a trigger that is none. */
export function readJobRecord(record: string): JobRecord {
  const parsed = JSON.parse(record.slice(record.indexOf("\n") + 1)) as Record<string, unknown>;
  return {
    ...readHead(record),
    trigger: parseTrigger(parsed["trigger"]),
    input: parsed["input"],
    tags: (parsed["tags"] as string[] | undefined) ?? [],
    metadata: parsed["metadata"],
    timeout: parsed["timeout"] as number | undefined,
  };
}

/** The definition that a record was written from; writing it again gives the same record. */
export function toDefinition(record: JobRecord): Definition {
  const { version: _, input, metadata, ...rest } = record;
  return {
    ...rest,
    input: input === undefined ? undefined : JSON.stringify(input),
    metadata: metadata === undefined ? undefined : JSON.stringify(metadata),
  };
}
