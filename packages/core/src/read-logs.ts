import { setTimeout as sleep } from "node:timers/promises";
import { EscapementError } from "@escapement/redis";
import { show } from "@escapement/redis/internal";
import { fields, whole } from "./check.js";
import { InvalidOptionError } from "./errors.js";
import { type LogLine, readLogLine } from "./log-lines.js";
import { readRunById } from "./read-runs.js";
import type { Store } from "./store.js";

/** Which log lines of a run. */
export interface LogsOptions {
  /** Only lines after this one: the `id` of a line that was read before. @default from the first that is kept */
  readonly since?: string;
  /** At most so many, 1 to 1000. @default 1000, as many as are kept */
  readonly limit?: number;
}

/** How to follow the log lines of a run. */
export interface FollowLogsOptions extends Pick<LogsOptions, "since"> {
  /** Ends it early, without an error. */
  readonly signal?: AbortSignal;
}

const most = 1000;

/** The log lines of a run that are kept, first to last; none if it has none, or never was. */
export async function readLogs(store: Store, id: string, options: LogsOptions = {}): Promise<LogLine[]> {
  const { since, limit } = fields("options", options, ["since", "limit"]) as LogsOptions;
  const count = limit === undefined ? most : whole("limit", limit, 1, most);
  return read(store, id, sinceOf(since), count);
}

async function read(store: Store, id: string, since: string | undefined, count: number): Promise<LogLine[]> {
  const from = since === undefined ? "-" : `(${since}`;
  const entries = await store.commands.run("reading log lines", (client) =>
    client.xrange(store.keys.log(id), from, "+", "COUNT", count),
  );
  return entries.flatMap(([position, [, text = ""]]) => readLogLine(position, text) ?? []);
}

function sinceOf(since: unknown): string | undefined {
  if (since === undefined) return undefined;
  if (typeof since === "string" && /^\d{1,19}-\d{1,19}$/.test(since)) return since;
  throw new InvalidOptionError("since", `must be the id of a log line, not ${show(since)}.`);
}

/**
 * The log lines of a run, kept ones and then new ones, until it has ended. Looks 10 times a second at first, later twice.
 *
 * @throws InvalidOptionError, at once; EscapementError `RUN_NOT_FOUND` if there is neither a line nor such a run
 */
export function followLogs(
  store: Store,
  id: string,
  options: FollowLogsOptions = {},
): AsyncIterableIterator<LogLine> {
  const { since, signal } = fields("options", options, ["since", "signal"]) as FollowLogsOptions;
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new InvalidOptionError("signal", `must be an AbortSignal, not ${show(signal)}.`);
  return follow(store, id, sinceOf(since), signal);
}

async function* follow(
  store: Store,
  id: string,
  since: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<LogLine, undefined> {
  let [last, ended, pause] = [since, false, 100];
  const stopped = (): boolean => signal?.aborted === true;
  while (!stopped()) {
    const lines = await read(store, id, last, most);
    for (const line of lines) {
      if (stopped()) return;
      last = line.id;
      yield line;
    }
    if (lines.length > 0) {
      pause = 100;
      continue;
    }
    // Lines are written before the outcome: after that there are no more than one further look shows.
    if (ended) return;
    ended = await hasEnded(store, id, last);
    if (ended) continue;
    await sleep(pause, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    pause = Math.min(pause * 1.5, 500);
  }
}

async function hasEnded(store: Store, id: string, last: string | undefined): Promise<boolean> {
  const run = await readRunById(store, id);
  if (run === undefined && last === undefined)
    throw new EscapementError("RUN_NOT_FOUND", `There is no run ${id}, or it is not kept any more.`);
  return run === undefined || run.finishedAt !== undefined;
}
