import type { Job, JobOptions, Overlap } from "@escapement/core";
import type { Trigger } from "@escapement/triggers";
import { type Command, InvalidArgumentError, Option } from "commander";
import { date } from "../terminal/dates.js";
import { jsonOption } from "../terminal/json-option.js";
import { count, list, milliseconds, share, signed } from "../terminal/option-values.js";
import { addTriggerOptions, type TriggerFlags, triggerOf } from "./job-trigger-options.js";

/** The options that say what a job is, as commander has read them. */
export interface JobFlags extends TriggerFlags {
  readonly input?: unknown;
  readonly metadata?: unknown;
  readonly queue?: string;
  readonly tag?: readonly string[];
  readonly priority?: number;
  readonly overlap?: Overlap;
  readonly misfire?: "none" | "latest" | "earliest" | "all";
  readonly misfireGrace?: number;
  readonly misfireMax?: number;
  readonly retry?: number;
  readonly retryBackoff?: string;
  readonly retryJitter?: number;
  readonly timeout?: number;
  readonly pauseAfterFailures?: number;
  readonly resumeFrom?: "missed" | "now";
  readonly delivery?: "at-least-once" | "at-most-once";
  readonly maxLost?: number;
  readonly deadLetter?: boolean;
  readonly concurrencyKey?: string;
  readonly concurrencyLimit?: number;
  readonly rateLimit?: { readonly max: number; readonly per: number };
  readonly startAt?: Date;
  readonly endAt?: Date;
  readonly maxRuns?: number;
  readonly whenExhausted?: "keep" | "remove";
  readonly jitter?: number;
  readonly retainRuns?: number;
  readonly retainFailed?: number;
  readonly retainAge?: number;
  readonly dependsOn?: readonly string[];
  readonly then?: readonly string[];
}

/** Adds the options that say what a job is. */
export function addJobOptions(command: Command): Command {
  const oneOf = (flags: string, text: string, words: readonly string[]): Option =>
    new Option(flags, text).choices(words);
  return addTriggerOptions(command)
    .option("--input <json>", "handed to the task: JSON, @FILE, or @- for standard input", jsonOption)
    .option("--metadata <json>", "free JSON for people and tools, or @FILE", jsonOption)
    .option("--queue <queue>", "which nodes may run it")
    .option("--tag <tags>", "names to find it by, with commas between; can be repeated", tags)
    .option("--priority <n>", "-1000 to 1000, higher first", signed)
    .addOption(oneOf("--overlap <rule>", "when an earlier run still runs", overlaps))
    .addOption(oneOf("--misfire <which>", "what to run of missed fire times", catchUps))
    .option("--misfire-grace <duration>", "how late a run may start", milliseconds)
    .option("--misfire-max <n>", "the most that --misfire all runs", count)
    .addOption(oneOf("--resume-from <what>", "after a pause", ["missed", "now"]))
    .option("--retry <n>", "how many attempts may fail before the run does", count)
    .option("--retry-backoff <wait>", "between attempts: a duration, or a name of the task's")
    .option("--retry-jitter <share>", "of each wait that is left to chance, 0 to 1", share)
    .option("--timeout <duration>", "how long an attempt may take", milliseconds)
    .option("--pause-after-failures <n>", "it pauses itself after n failures in a row", count)
    .addOption(oneOf("--delivery <how>", "when a node dies", ["at-least-once", "at-most-once"]))
    .option("--max-lost <n>", "how many attempts may be lost with their node", count)
    .option("--no-dead-letter", "do not keep runs that failed for good")
    .option("--concurrency-key <key>", "runs of one key are limited together")
    .option("--concurrency-limit <n>", "how many of them may run at once", count)
    .option("--rate-limit <n/duration>", "how many of them may start, such as 10/1m", rate)
    .option("--start-at <date>", "no fire time before counts", date)
    .option("--end-at <date>", "no fire time after counts", date)
    .option("--max-runs <n>", "how many runs of fire times start at most", count)
    .addOption(oneOf("--when-exhausted <what>", "when no more will come", ["keep", "remove"]))
    .option("--jitter <duration>", "start each run up to so much later", milliseconds)
    .option("--retain-runs <n>", "how many finished runs are kept", count)
    .option("--retain-failed <n>", "how many that failed, apart", count)
    .option("--retain-age <duration>", "for how long they are kept", milliseconds)
    .option("--depends-on <ids>", "jobs whose runs must have succeeded", list)
    .option("--then <ids>", "jobs that depend on this one", list);
}

const overlaps = ["skip", "allow", "queue-one", "queue-all", "cancel-running", "replace"];
const catchUps = ["none", "latest", "earliest", "all"];

function tags(text: string, earlier: readonly string[] = []): string[] {
  return [...earlier, ...list(text)];
}

function rate(text: string): { max: number; per: number } {
  const [max = "", per = "", ...rest] = text.split("/");
  if (rest.length > 0 || per === "")
    throw new InvalidArgumentError("Give how many in what time, such as 10/1m.");
  return { max: count(max), per: milliseconds(per) };
}

/** What of a job the options say; of `retry` and `retain` also what `before` says and they leave open. */
export function jobOptionsOf(flags: JobFlags, before?: Job): Partial<Omit<JobOptions, "id">> {
  const { input, metadata, queue, tag, priority, overlap, timeout, delivery, maxLost, startAt, endAt } =
    flags;
  const { concurrencyKey, concurrencyLimit, rateLimit, maxRuns, whenExhausted, jitter, dependsOn, then } =
    flags;
  return given({
    ...{
      trigger: triggerOf(flags) as Trigger,
      input,
      metadata,
      queue,
      tags: tag,
      priority,
      overlap,
      timeout,
    },
    ...{ delivery, maxLost, startAt, endAt, concurrencyKey, concurrencyLimit, rateLimit, maxRuns },
    ...{
      whenExhausted,
      jitter,
      dependsOn,
      then,
      pauseAfterFailures: flags.pauseAfterFailures,
      resumeFrom: flags.resumeFrom,
    },
    misfire: part({ grace: flags.misfireGrace, catchUp: flags.misfire, max: flags.misfireMax }),
    retry: part(
      { attempts: flags.retry, backoff: flags.retryBackoff, jitter: flags.retryJitter },
      before?.retry,
    ),
    retain: part(
      { runs: flags.retainRuns, failed: flags.retainFailed, age: flags.retainAge },
      before?.retain,
    ),
    deadLetter: flags.deadLetter === false ? false : undefined,
  });
}

/** An option of several parts: those that are given on top of those that were. Nothing if none is given. */
function part(parts: Record<string, unknown>, before: object = {}): object | undefined {
  const said = given(parts);
  return Object.keys(said).length === 0 ? undefined : { ...before, ...said };
}

function given(options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
