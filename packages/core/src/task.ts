import { show } from "@escapement/redis/internal";
import { fields, isOptions, nameAt, readable } from "./check.js";
import { InvalidOptionError } from "./errors.js";
import {
  type Limit,
  limitOf,
  type RateLimit,
  rateOf,
  type ScopedLimit,
  type ScopedRate,
  scoped,
} from "./limit.js";
import type { RunContext } from "./run-context.js";

/** What a task's handler is. Its answer is kept as the run's result, if JSON can hold it. */
export type Handler<Input, Output> = (run: RunContext<Input>) => Output | Promise<Output>;

/** A validator of the Standard Schema kind (Zod, Valibot, ArkType and others are). See https://standardschema.dev */
export interface InputSchema<Input = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Input> | Promise<SchemaResult<Input>>;
    readonly types?: { readonly input: unknown; readonly output: Input } | undefined;
  };
}

type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly unknown[] | undefined;
      }[];
    };

/** Options of a task. */
export interface TaskOptions<Input> {
  /** Checks inputs, when a job is defined or a run is enqueued by this process, and again before each attempt. */
  readonly input?: InputSchema<Input>;
  /** Whether to try again after this error, where a run's `retry` would; anything but `true` fails the run. @default always */
  readonly retryIf?: (error: unknown, failures: number) => boolean | Promise<boolean>;
  /** How many of its runs may run at once in the whole cluster: a number, or with what becomes of one more. @default any */
  readonly limit?: number | Limit;
  /** How many of its runs may start within any period of a length, in the whole cluster. @default any */
  readonly rateLimit?: RateLimit;
  /** Waits in ms by the number of failures so far, under the names that `retry.backoff` can give. */
  readonly backoffs?: Readonly<Record<string, (failures: number, error: unknown) => number>>;
}

/** A named handler, registered on some nodes. */
export interface Task<Input = unknown, Output = unknown> {
  readonly name: string;
  readonly options: TaskOptions<Input>;
  readonly handler: Handler<Input, Output>;
}

/**
 * The tasks of an application by name, for it to add to, so that a name alone says what a task takes and answers:
 *
 * @example declare module "@escapement/core" { interface Tasks { "send-report": { input: { to: string }; output: number } } }
 */
// biome-ignore lint/suspicious/noEmptyInterface: applications add to it
export interface Tasks {}

/** A task, or its name. */
export type TaskRef = string | { readonly name: string; readonly handler: Handler<never, unknown> };

/** What a task takes: of a name that is not among {@link Tasks}, anything. */
export type InputOf<T extends TaskRef> = T extends {
  readonly handler: (run: RunContext<infer Input>) => unknown;
}
  ? Input
  : T extends keyof Tasks
    ? Part<Tasks[T], "input">
    : unknown;

/** What a task answers. */
export type OutputOf<T extends TaskRef> = T extends { readonly handler: (run: never) => infer Output }
  ? Awaited<Output>
  : T extends keyof Tasks
    ? Part<Tasks[T], "output">
    : unknown;

type Part<T, Name extends string> = T extends Readonly<Record<Name, infer Value>> ? Value : unknown;

/** A task as the node keeps it, whatever its input. */
export interface AnyTask {
  readonly name: string;
  readonly options: Pick<TaskOptions<never>, "retryIf" | "backoffs" | "limit" | "rateLimit"> & {
    readonly input?: InputSchema;
  };
  readonly handler: Handler<never, unknown>;
}

/** The limits and rates of the whole, of queues and of these tasks, as scripts are told. */
export function limitsOf(
  settings: { readonly limits: readonly ScopedLimit[]; readonly rates: readonly ScopedRate[] },
  tasks: ReadonlyMap<string, AnyTask>,
): { readonly limits: ScopedLimit[]; readonly rates: ScopedRate[] } {
  const limits = [...settings.limits];
  const rates = [...settings.rates];
  for (const { name, options } of tasks.values()) {
    limits.push(...scoped(`task:${name}`, limitOf("limit", options.limit)));
    const rate = rateOf("rateLimit", options.rateLimit);
    if (rate !== undefined) rates.push({ scope: `task:${name}`, ...rate });
  }
  return { limits, rates };
}

type OfferSettings = Parameters<typeof limitsOf>[0] & { readonly queues: readonly string[] };
type Said = ReturnType<typeof limitsOf> & { readonly lanes: readonly string[] };

/** What each request of a node says of it: its lanes, limits and rates. A task may be registered at any time. */
export class Offer {
  readonly #settings: OfferSettings;
  readonly #tasks: ReadonlyMap<string, AnyTask>;
  #of = -1; // so many tasks
  #said: Said = { lanes: [], limits: [], rates: [] };

  constructor(settings: OfferSettings, tasks: ReadonlyMap<string, AnyTask>) {
    this.#settings = settings;
    this.#tasks = tasks;
  }

  get now(): Said {
    if (this.#of !== this.#tasks.size) {
      this.#of = this.#tasks.size;
      const names = [...this.#tasks.keys()];
      const lanes = this.#settings.queues.flatMap((queue) => names.map((task) => `${queue}@${task}`));
      this.#said = { lanes, ...limitsOf(this.#settings, this.#tasks) };
    }
    return this.#said;
  }
}

/** A task's name, checked. */
export function nameOf(task: string | { readonly name: string }): string {
  return readable("task", () => nameAt("task", typeof task === "object" && task !== null ? task.name : task));
}

/** Checks the options of a task, each read once. @throws InvalidOptionError */
export function taskOptions(options: unknown): AnyTask["options"] {
  return readable("options", () => checked(fields("options", options, known)));
}

const known = [
  "rateLimit",
  "input",
  "retryIf",
  "backoffs",
  "limit",
] as const satisfies (keyof TaskOptions<never>)[];

// What lies deeper is copied as well: limits are told with each request of a node, and one that could not be would take outcomes with it.
function checked(given: Record<string, unknown>): AnyTask["options"] {
  const { input, retryIf, backoffs, limit, rateLimit } = given;
  const copies = {
    limit: limitOf("options.limit", limit),
    rateLimit: rateOf("options.rateLimit", rateLimit),
    backoffs: backoffsOf(backoffs),
  };
  if (retryIf !== undefined && typeof retryIf !== "function")
    throw new InvalidOptionError("options.retryIf", "must be a function.");
  const standard = (input as Partial<InputSchema> | null | undefined)?.["~standard"];
  if (input !== undefined && typeof standard?.validate !== "function")
    throw new InvalidOptionError("options.input", "must be a schema of the Standard Schema kind.");
  return { ...given, ...Object.fromEntries(Object.entries(copies).filter(([, copy]) => copy !== undefined)) };
}

function backoffsOf(given: unknown): AnyTask["options"]["backoffs"] {
  if (given === undefined) return undefined;
  if (!isOptions(given)) throw new InvalidOptionError("options.backoffs", "must be an object of functions.");
  const backoffs = { ...given };
  for (const [name, backoff] of Object.entries(backoffs))
    if (typeof backoff !== "function")
      throw new InvalidOptionError(`options.backoffs.${name.slice(0, 40)}`, "must be a function.");
  return backoffs as AnyTask["options"]["backoffs"];
}

/**
 * Checks an input against a task's schema, if it has one.
 *
 * @returns the input as the schema gives it back; in an object, since an input that has a method `then` would be waited for
 * @throws InvalidOptionError `INVALID_INPUT`
 */
export async function validateInput(
  options: AnyTask["options"] | undefined,
  input: unknown,
): Promise<{ readonly value: unknown }> {
  const schema = options?.input;
  if (schema === undefined) return { value: input };
  const result = await askSchema(schema, input);
  if ("value" in result) return result;
  throw new InvalidOptionError(result.where, result.message, { code: "INVALID_INPUT" });
}

/** What a schema says of an input: as it gives it back, or what is wrong first, and where. */
async function askSchema<T>(
  schema: InputSchema<T>,
  input: unknown,
): Promise<{ readonly value: T } | { readonly where: string; readonly message: string }> {
  try {
    const result = await schema["~standard"].validate(input);
    if (result.issues === undefined) return { value: result.value };
    const [first] = result.issues;
    const path = (first?.path ?? []).map((part) => String((part as { key?: unknown }).key ?? part));
    return {
      where: ["input", ...path].join("."),
      message: first?.message ?? "is refused by the task's schema.",
    };
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : show(cause);
    throw new InvalidOptionError("input", `could not be checked: the task's schema threw: ${said}`, {
      cause,
      code: "INVALID_INPUT",
    });
  }
}
