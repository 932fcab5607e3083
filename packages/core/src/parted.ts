import { RedisError } from "@escapement/redis";
import { PartlyWrittenError } from "./errors.js";

/** Waits until all have ended, so that nothing goes on behind the caller's back. @throws what the first threw */
export async function allEnded<R>(steps: readonly Promise<R>[]): Promise<R[]> {
  await Promise.allSettled(steps);
  return Promise.all(steps);
}

/** What is written in one partition. */
export interface Part<R> {
  /** How many items it has of all. */
  readonly size: number;
  readonly done: Promise<R>;
}

/**
 * Waits until all partitions have taken what is to be written in them, or not.
 *
 * @param ids of all items, in order
 * @param before how many of them were written before these
 * @throws what the first threw that is not Redis'; PartlyWrittenError if some was written, and Redis failed elsewhere; else what the first threw after
 * which something may have been written, or the first
 */
export async function writtenParts<R>(
  what: string,
  ids: readonly string[],
  parts: readonly Part<R>[],
  before = 0,
): Promise<R[]> {
  const ends = await Promise.allSettled(parts.map(({ done }) => done));
  const errors = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as unknown] : []));
  if (errors.length === 0) return ends.flatMap((end) => (end.status === "fulfilled" ? [end.value] : []));
  const other = errors.find((error) => !(error instanceof RedisError || error instanceof PartlyWrittenError));
  if (other !== undefined) throw other;
  const written = ends.reduce((sum, end, index) => {
    if (end.status === "fulfilled") return sum + (parts[index]?.size ?? 0);
    return sum + (end.reason instanceof PartlyWrittenError ? end.reason.written : 0);
  }, before);
  // One by which something may have been written says so of the whole.
  const worst = errors.find((error) => inDoubt.has(causeOf(error).code)) ?? errors[0];
  if (written === 0) throw worst;
  throw new PartlyWrittenError(what, ids, written, causeOf(worst));
}

/** Codes of errors after which a step may have been taken all the same. */
const inDoubt: ReadonlySet<string> = new Set(["REDIS_TIMEOUT", "REDIS_FAILED"]);

function causeOf(error: unknown): RedisError {
  return (error instanceof PartlyWrittenError ? error.cause : error) as RedisError;
}
