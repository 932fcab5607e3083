import { parseTrigger, type Trigger } from "@escapement/triggers";
import type { Definition, Shared } from "./definition.js";
import type { CatchUp, Delivery, Overlap } from "./job.js";
import type { Limit, Rate } from "./limit.js";
import { type Retain, readRetain, writeRetain } from "./retention.js";
import type { Retry } from "./retry.js";
import { rememberLine, usualLine } from "./usual-line.js";

// A record is one line that scripts read and a body that they do not; scripts/lib/records.lua says the same in Lua.

/** What a claimed run's body says. */
export interface Body {
  readonly input?: unknown;
  /** The time at which an enqueued run was to start, in ms. */
  readonly at?: number;
  /** Milliseconds. */
  readonly timeout?: number;
  readonly retry?: Retry;
}

type Head = Omit<Shared, "input" | "timeout" | "retry"> & { readonly tags?: readonly string[] };

/** The letter that stands for an overlap in a record, and in the id of a run by hand. */
export const overlapLetters = {
  skip: "s",
  allow: "a",
  "queue-one": "o",
  "queue-all": "q",
  "cancel-running": "c",
  replace: "r",
} as const satisfies Record<Overlap, string>;

/** ` name=value` for an option that is not as usual: what is not used costs nothing. */
const extra = (name: string, value: string | number | undefined): string =>
  value === undefined ? "" : ` ${name}=${value}`;

/** What stands behind the version, up to the body. `extras`: such as {@link extra} makes. */
function head(definition: Head, overlap: Overlap, grace: string, catchUp: string, extras = ""): string {
  const { queue, task, priority, delivery, maxLost, deadLetter } = definition;
  const { concurrencyKey, concurrencyLimit, rateLimit, tags } = definition;
  return (
    ` ${queue} ${task} ${priority} ${delivery === "at-least-once" ? "r" : "l"} ${overlapLetters[overlap]} ${grace} ${catchUp} ${maxLost}` +
    extras +
    (deadLetter ? "" : " dl=0") +
    extra("ck", concurrencyKey) +
    extra("cl", concurrencyLimit?.max) +
    (concurrencyLimit?.whenFull === "skip" ? " cw=s" : "") +
    (tags === undefined || tags.length === 0 ? "" : ` tg=${tags.join(",")}`) +
    (rateLimit === undefined ? "" : ` kr=${rateLimit.max}:${rateLimit.per}`)
  );
}

// Texts that are JSON already are laid in as they are.
function body(parts: Record<string, string | undefined>): string {
  let inside = "";
  for (const name in parts) {
    const text = parts[name];
    if (text !== undefined) inside += `${inside === "" ? "" : ","}"${name}":${text}`;
  }
  return `{${inside}}`;
}

/** A job's record. */
export function writeJobRecord(version: number, definition: Definition): string {
  return version + unversionedRecord(definition);
}

/**
 * A job's record but for its version, with which it begins.
 *
 * @param triggerText the definition's trigger as JSON
 */
export function unversionedRecord(
  definition: Definition,
  triggerText: string | undefined = JSON.stringify(definition.trigger),
): string {
  const { input, metadata, timeout, retry, startAt, endAt, jitter } = definition;
  const first = usualLine(definition) ?? rememberLine(definition, writeLine(definition));
  const text = body({
    trigger: triggerText,
    input,
    timeout: numberText(timeout),
    retry: retry === undefined ? undefined : JSON.stringify(retry),
    startAt: numberText(startAt),
    endAt: numberText(endAt),
    jitter: jitter === 0 ? undefined : String(jitter),
    metadata,
  });
  return `${first}\n${text}`;
}

function writeLine(definition: Definition): string {
  const { overlap, grace, catchUp, max } = definition;
  const { maxRuns, jitter, whenExhausted, resumeFrom, retain, pauseAfterFailures } = definition;
  return head(
    definition,
    overlap,
    // A run that jitter starts later is no misfire for that.
    String(grace + jitter),
    catchUp === "all" ? `all:${max}` : catchUp,
    extra("mr", maxRuns) +
      extra("ac", paceOf(definition)) +
      tiesOf(definition) +
      (whenExhausted === "remove" ? " we=r" : "") +
      (resumeFrom === "now" ? " rf=n" : "") +
      extra("rt", writeRetain(retain)) +
      extra("pf", pauseAfterFailures),
  );
}

/** What a script needs to know to write the next fire time of a job whose interval counts from completion. */
function paceOf({ trigger, endAt, maxRuns }: Definition): string | undefined {
  if (trigger?.type !== "every" || trigger.after === undefined) return undefined;
  return `${trigger.interval}:${endAt ?? ""}:${maxRuns ?? ""}`;
}

/** What scripts need to know of a job whose runs wait for others', or others' for its own. Ids hold no commas. */
function tiesOf({ trigger, dependsOn, then: followed }: Definition): string {
  return (
    (trigger === undefined ? " nt=1" : "") +
    (dependsOn.length === 0 ? "" : ` dp=${dependsOn.join(",")}`) +
    (followed.length === 0 ? "" : ` th=${followed.join(",")}`)
  );
}

/** What the records of enqueued runs have in common that are told the same but for their input and time. */
export class RunRecord {
  readonly lane: string;
  readonly priority: number;
  readonly #head: string;
  readonly #rest: string;

  constructor(options: Omit<Shared, "input">) {
    const { queue, task, priority, timeout, retry } = options;
    this.lane = `${queue}@${task}`;
    this.priority = priority;
    this.#head = `0${head(options, "allow", "-", "none")}\n{"at":`;
    this.#rest = `${timeout === undefined ? "" : `,"timeout":${timeout}`}${retry === undefined ? "" : `,"retry":${JSON.stringify(retry)}`}}`;
  }

  /** A run's record. `input` is JSON. */
  write(input: string | undefined, at: number): string {
    return `${this.#head}${at}${input === undefined ? "" : `,"input":${input}`}${this.#rest}`;
  }
}

function numberText(value: number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

/** What the first line of a record says. */
export interface RecordHead {
  readonly version: number;
  readonly queue: string;
  readonly task: string;
  readonly priority: number;
  readonly delivery: Delivery;
  readonly overlap: Overlap;
  /** With the job's jitter in it. */
  readonly grace: number;
  readonly catchUp: CatchUp;
  readonly max: number;
  readonly maxLost: number;
  readonly deadLetter: boolean;
  readonly concurrencyKey: string | undefined;
  readonly concurrencyLimit: Required<Limit> | undefined;
  readonly rateLimit: Rate | undefined;
  readonly maxRuns: number | undefined;
  readonly whenExhausted: "keep" | "remove";
  readonly resumeFrom: "missed" | "now";
  readonly pauseAfterFailures: number | undefined;
  readonly tags: readonly string[];
  readonly retain: Retain | undefined;
  /** Whether it fires by a trigger of its own. */
  readonly fires: boolean;
  readonly dependsOn: readonly string[];
  readonly then: readonly string[];
}

type SharedHead = Omit<RecordHead, "version">;

const noExtras: ReadonlyMap<string, string> = new Map();

/** What stands behind the version in first lines that name nothing unusual: many jobs share one. */
const knownLines = new Map<string, SharedHead>();

/** Reads a record's first line. */
export function readHead(record: string): RecordHead {
  const head = readSharedHead(record);
  return {
    ...head,
    version: versionIn(record),
    tags: [...head.tags],
    dependsOn: [...head.dependsOn],
    then: [...head.then],
  };
}

/** The same but for the version. Others may be given the same object: its lists are not to be handed on. */
export function readSharedHead(record: string): SharedHead {
  const line = firstLine(record);
  const space = line.indexOf(" ");
  const rest = line.slice(space);
  const known = space > 0 ? knownLines.get(rest) : undefined;
  if (known !== undefined) return known;
  const parts = line.split(" ");
  const head = parseHead(parts);
  if (parts.length === 9 && line.length <= mostKnown.size) {
    if (knownLines.size >= mostKnown.texts) knownLines.clear();
    knownLines.set(rest, head);
  }
  return head;
}

/** The version in a record. */
export function versionIn(record: string): number {
  const line = firstLine(record);
  const space = line.indexOf(" ");
  return Number(space < 0 ? line : line.slice(0, space));
}

function firstLine(record: string): string {
  return record.slice(0, record.indexOf("\n"));
}

function parseHead(parts: readonly string[]): SharedHead {
  const [, queue = "", task = "", priority, delivery, letter, grace, catchUp = "", maxLost] = parts;
  const extras =
    parts.length === 9
      ? noExtras
      : new Map(parts.slice(9).map((part) => part.split("=", 2) as [string, string]));
  const maxRuns = extras.get("mr");
  const [policy, max] = catchUp.split(":");
  return {
    queue,
    task,
    priority: Number(priority),
    delivery: delivery === "r" ? "at-least-once" : "at-most-once",
    overlap: overlapOf(letter),
    grace: grace === "-" ? Number.POSITIVE_INFINITY : Number(grace),
    catchUp: policy as CatchUp,
    max: max === undefined ? 100 : Number(max),
    maxLost: Number(maxLost),
    deadLetter: extras.get("dl") !== "0",
    concurrencyKey: extras.get("ck"),
    concurrencyLimit: extras.has("ck")
      ? { max: Number(extras.get("cl") ?? 1), whenFull: extras.get("cw") === "s" ? "skip" : "wait" }
      : undefined,
    rateLimit: readRate(extras.get("kr")),
    maxRuns: maxRuns === undefined ? undefined : Number(maxRuns),
    pauseAfterFailures: extras.has("pf") ? Number(extras.get("pf")) : undefined,
    whenExhausted: extras.get("we") === "r" ? "remove" : "keep",
    resumeFrom: extras.get("rf") === "n" ? "now" : "missed",
    tags: extras.get("tg")?.split(",") ?? [],
    retain: readRetain(extras.get("rt")),
    fires: !extras.has("nt"),
    dependsOn: extras.get("dp")?.split(",") ?? [],
    then: extras.get("th")?.split(",") ?? [],
  };
}

function readRate(text: string | undefined): Rate | undefined {
  const [max, per] = text?.split(":") ?? [];
  return max === undefined ? undefined : { max: Number(max), per: Number(per) };
}

const overlapsByLetter = new Map(
  Object.entries(overlapLetters).map(([overlap, letter]) => [
    letter as string | undefined,
    overlap as Overlap,
  ]),
);

function overlapOf(letter: string | undefined): Overlap {
  return overlapsByLetter.get(letter) ?? "allow";
}

/** What stands behind the first line of a job's record. */
export interface RecordBody {
  readonly trigger: Trigger | undefined;
  readonly input: unknown;
  readonly metadata: unknown;
  readonly timeout: number | undefined;
  readonly retry: Retry | undefined;
  readonly startAt: number | undefined;
  readonly endAt: number | undefined;
  readonly jitter: number;
}

/** A job's record, read back; the grace without its jitter. */
export interface JobRecord extends RecordHead, RecordBody {}

/**
 * Reads a job's record behind its first line. The trigger is validated again: the store may have been written by others.
 *
 * Throws for one that holds no JSON or a trigger that is none.
 */
export function readBody(record: string, { fires }: Pick<RecordHead, "fires">): RecordBody {
  const alone = triggerAlone(record);
  if (fires && alone !== undefined && knownTriggers.has(alone))
    return { ...nothing, trigger: JSON.parse(alone) as Trigger };
  const parsed = JSON.parse(record.slice(record.indexOf("\n") + 1)) as Record<string, unknown>;
  return {
    trigger: fires ? readTrigger(parsed["trigger"]) : undefined,
    input: parsed["input"],
    metadata: parsed["metadata"],
    timeout: parsed["timeout"] as number | undefined,
    retry: parsed["retry"] as Retry | undefined,
    startAt: parsed["startAt"] as number | undefined,
    endAt: parsed["endAt"] as number | undefined,
    jitter: (parsed["jitter"] as number | undefined) ?? 0,
  };
}

const nothing: RecordBody = {
  trigger: undefined,
  input: undefined,
  metadata: undefined,
  timeout: undefined,
  retry: undefined,
  startAt: undefined,
  endAt: undefined,
  jitter: 0,
};

/** The text of the trigger, if it may be that nothing else stands in the body. */
function triggerAlone(record: string): string | undefined {
  const at = record.indexOf("\n") + 1;
  return record.startsWith('{"trigger":', at) && record.endsWith("}") ? record.slice(at + 11, -1) : undefined;
}

const knownTriggers = new Set<string>();
/** So many texts of a kind are known, none that is longer. */
const mostKnown = { texts: 1000, size: 500 } as const;

/** Validates a trigger out of JSON. The last ones that were found to be in canonical form are known by their text, since many jobs share one. */
function readTrigger(json: unknown): Trigger {
  const text = JSON.stringify(json);
  if (knownTriggers.has(text)) return json as Trigger;
  const trigger = parseTrigger(json);
  if (text.length <= mostKnown.size && JSON.stringify(trigger) === text) {
    if (knownTriggers.size >= mostKnown.texts) knownTriggers.clear();
    knownTriggers.add(text);
  }
  return trigger;
}

/** Whether the trigger in a job's record, if it has one, is that of this text, in canonical form; not where it cannot be read. */
export function hasTrigger(record: string, trigger: string | undefined): boolean {
  const end = record.indexOf("\n");
  if (record.slice(0, end).includes(" nt=")) return trigger === undefined;
  const alone = triggerAlone(record);
  // What is known is a trigger's whole text.
  if (alone !== undefined && knownTriggers.has(alone)) return alone === trigger;
  try {
    const { trigger: read } = JSON.parse(record.slice(end + 1)) as { readonly trigger?: unknown };
    return JSON.stringify(readTrigger(read)) === trigger;
  } catch {
    return false;
  }
}

/** Reads a job's whole record. Throws as {@link readBody} does. */
export function readJobRecord(record: string): JobRecord {
  const head = readHead(record);
  const body = readBody(record, head);
  return { ...head, ...body, grace: head.grace - body.jitter };
}

/** The definition that a record was written from; writing it again gives the same record. */
export function toDefinition(record: JobRecord): Definition {
  const { version: _, fires: __, input, metadata, ...rest } = record;
  return {
    ...rest,
    input: input === undefined ? undefined : JSON.stringify(input),
    metadata: metadata === undefined ? undefined : JSON.stringify(metadata),
  };
}
