import { draw } from "./draw.js";
import { parseDuration } from "./input/duration.js";
import { parseInstant } from "./input/instant.js";
import { readOptions } from "./input/query-options.js";
import { InvalidTriggerError, quote } from "./invalid-trigger-error.js";

const maxJobIdLength = 256;

/** Which fire time a jitter is for. */
export interface JitterOptions {
  /** The job's id, at most 256 characters. */
  readonly jobId: string;
  /** The fire time: a Date or ms. */
  readonly scheduledAt: Date | number;
  /** The fire time after it, if there is one: the delay ends before. */
  readonly next?: Date | number | null | undefined;
}

/**
 * By how many ms a run starts later than its fire time, so that jobs of one fire time do not start all at once. Drawn by hash
 * of the job's id and the fire time: the same on each node and each time it is asked.
 *
 * @param max the longest delay: ms, `"90s"`, `"PT90S"`; 0 for none
 * @returns whole ms from 0 to `max`, less than the time up to `next`
 * @throws InvalidTriggerError `INVALID_INTERVAL` for `max`, `INVALID_DATE` for the instants, `INVALID_ARGUMENT` for the job id
 *   or a `next` that is not later than `scheduledAt`
 */
export function jitter(max: number | string, options: JitterOptions): number {
  const given = readOptions(options, ["jobId", "scheduledAt", "next"]);
  const longest = max === 0 ? 0 : parseDuration(max, "max");
  const jobId = parseJobId(given.jobId);
  const scheduledAt = parseInstant(given.scheduledAt, "scheduledAt");
  const { next = null } = given;
  const room = next === null ? longest : parseInstant(next, "next") - scheduledAt - 1;
  if (room < 0) {
    throw new InvalidTriggerError(
      "INVALID_ARGUMENT",
      `next must be later than scheduledAt, not ${quote(String(next))}`,
      { field: "next", value: String(next) },
    );
  }
  // A seed of its own, so that a jitter is no echo of the pause that an everyRandom draws from the same instant.
  return draw(`jitter ${jobId}`, scheduledAt, Math.min(longest, room) + 1);
}

function parseJobId(value: unknown): string {
  if (typeof value === "string" && value !== "" && value.length <= maxJobIdLength) return value;
  throw new InvalidTriggerError(
    "INVALID_ARGUMENT",
    `jobId must be text of 1 to ${maxJobIdLength} characters, not ${quote(value)}`,
    { field: "jobId", value },
  );
}
