import {
  createScheduler,
  EscapementError,
  readPartitions,
  type Scheduler,
  type SchedulerOptions,
} from "@escapement/core";
import type { Command } from "commander";
import { pino } from "pino";
import { CliError } from "./cli-error.js";
import { type Output, processOutput } from "./terminal/output.js";

/** The options that every command takes. */
export interface GlobalOptions {
  readonly redis?: string;
  readonly namespace?: string;
  readonly partitions?: number;
  readonly voters?: readonly string[];
  readonly json?: boolean;
}

/** What a command works with. */
export interface Client {
  readonly scheduler: Scheduler;
  readonly output: Output;
}

/** A logger for JSON lines on standard error: standard output is the command's. */
export function stderrLogger(): ReturnType<typeof pino> {
  const level = process.env["ESCAPEMENT_LOG_LEVEL"] ?? "warn";
  return pino({ name: "escapement", level }, pino.destination({ fd: 2, sync: true }));
}

/** The part of a scheduler's options that the global options say. */
export function schedulerOptions(options: GlobalOptions): SchedulerOptions {
  const { redis, namespace, voters, partitions } = options;
  return {
    ...(redis === undefined ? {} : { redis }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(voters === undefined ? {} : { voters }),
    ...(partitions === undefined ? {} : { partitions }),
    logger: stderrLogger(),
  };
}

/**
 * The same, with the number of partitions that the namespace has where none is given.
 *
 * @param patience how long to wait for the store, in ms, and go on with 1 if it does not say; the default is to fail then
 */
export async function foundOptions(options: GlobalOptions, patience?: number): Promise<SchedulerOptions> {
  const given = schedulerOptions(options);
  if (options.partitions !== undefined) return given;
  try {
    const deadline = patience === undefined ? {} : { deadline: patience };
    return { ...given, partitions: (await readPartitions({ ...given, ...deadline })) ?? 1 };
  } catch (error) {
    if (patience === undefined || !isOfStore(error)) throw error;
    return { ...given, partitions: 1 };
  }
}

/** How a command is served. */
export interface ClientOptions {
  /** Go on where the store does not say how many partitions there are: the command is to find out why. */
  readonly anyhow?: boolean;
}

/** Does a command's work with a scheduler that is a client only, and closes it. */
export async function withClient(
  command: Command,
  work: (client: Client) => Promise<void>,
  { anyhow = false }: ClientOptions = {},
): Promise<void> {
  const options = command.optsWithGlobals<GlobalOptions>();
  const output = processOutput(options.json ?? false);
  let scheduler: Scheduler | undefined;
  try {
    const found = await foundOptions(options, anyhow ? 5000 : undefined);
    scheduler = createScheduler(found);
    await work({ scheduler, output });
  } catch (error) {
    throw explained(error, options);
  } finally {
    await scheduler?.stop();
  }
}

/** Whether something is wrong with the store, and not with what was typed. */
function isOfStore(error: unknown): boolean {
  return error instanceof EscapementError && /^(REDIS_|NAMESPACE_MOVING$)/.test(error.code);
}

/** What a Redis that cannot be reached, or is not what is needed, is called here: with its address. */
export function explained(error: unknown, { redis = "redis://localhost:6379" }: GlobalOptions): unknown {
  if (!(error instanceof EscapementError) || !error.code.startsWith("REDIS_")) return error;
  const reason = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  // Of several hosts a URL as the standard has it cannot be made.
  const [, hosts] = /^[^/]*\/\/(?:[^/]*@)?([^/?#]*)/.exec(redis) ?? [];
  const place = hosts === undefined ? "" : ` (${hosts || "?"}${reason})`;
  const said = error.message.replace("; connecting goes on by itself", "");
  return new CliError(error.code, `${said}${place}`, { cause: error });
}
