import type { Claimed } from "./claim.js";
import { NonRetriableError } from "./errors.js";
import { randomShare } from "./id.js";
import type { AnyTask } from "./task.js";

/** How long to wait before another attempt. */
export interface Backoff {
  /** `fixed`: always `delay`; `exponential`: `delay`, and `factor` times as long after each further failure. @default "exponential" */
  readonly type?: "fixed" | "exponential";
  /** Milliseconds (or a duration) before the second attempt. @default "1s" */
  readonly delay?: number | string;
  /** The most that is waited. @default "1h" */
  readonly max?: number | string;
  /** By what each wait is longer than the one before, 1 to 100. @default 2 */
  readonly factor?: number;
}

/** What becomes of a run whose attempt failed or timed out. */
export interface RetryOptions {
  /** How many attempts may fail before the run does, 1 to 1000. Attempts that were lost with their node do not count. @default 1 */
  readonly attempts?: number;
  /** A rule, a fixed duration, or the name of one of the task's `backoffs`. @default exponential from 1 s, at most 1 h */
  readonly backoff?: Backoff | number | string;
  /** The share of each wait, 0 to 1, that is left to chance: 0.5 waits between half and all of it. @default 0 */
  readonly jitter?: number;
}

/** {@link RetryOptions} as they are stored: all that is not default, durations in ms. */
export interface Retry {
  readonly attempts: number;
  readonly backoff:
    | (Required<Pick<Backoff, "type" | "factor">> & { readonly delay: number; readonly max: number })
    | string;
  readonly jitter: number;
}

/**
 * How long to wait before another attempt, in ms; `undefined`: there is none.
 *
 * @param thrown what the handler threw, or the error of its timeout
 */
export async function retryDelay(
  retry: Retry | undefined,
  claimed: Pick<Claimed, "attempt" | "lost">,
  thrown: unknown,
  { retryIf, backoffs }: Pick<AnyTask["options"], "retryIf" | "backoffs">,
): Promise<number | undefined> {
  if (retry === undefined || thrown instanceof NonRetriableError) return undefined;
  const failures = claimed.attempt - claimed.lost;
  if (failures >= retry.attempts) return undefined;
  if (retryIf !== undefined && (await retryIf(thrown, failures)) !== true) return undefined;
  const wait = await waitOf(retry.backoff, failures, thrown, backoffs);
  return Math.round(wait * (1 - retry.jitter * randomShare()));
}

const longestWait = 366 * 86_400_000;

async function waitOf(
  backoff: Retry["backoff"],
  failures: number,
  thrown: unknown,
  backoffs: AnyTask["options"]["backoffs"],
): Promise<number> {
  if (typeof backoff === "string") {
    const named = backoffs !== undefined && Object.hasOwn(backoffs, backoff) ? backoffs[backoff] : undefined;
    if (named === undefined)
      throw new NonRetriableError(
        `There is no backoff "${backoff}" in this node's task. Register it with the task.`,
      );
    // Awaited, so that a promise that rejects is no stray one.
    const wait = await (named(failures, thrown) as number | Promise<number>);
    if (Number.isFinite(wait) && wait >= 0) return Math.min(wait, longestWait);
    throw new NonRetriableError(
      `The backoff "${backoff}" answered ${String(wait)}: it must be milliseconds.`,
    );
  }
  const { type, delay, max, factor } = backoff;
  return type === "fixed" ? delay : Math.min(delay === 0 ? 0 : delay * factor ** (failures - 1), max);
}
