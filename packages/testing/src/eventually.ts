import { setTimeout as sleep } from "node:timers/promises";
import { TestingError } from "./errors.js";

/** How long and how often {@link eventually} looks. */
export interface EventuallyOptions {
  /**
   * The deadline, in milliseconds from the call.
   * @default 5000
   */
  within?: number;
  /**
   * The pause between two looks, in milliseconds.
   * @default 20
   */
  every?: number;
  /** Ends the waiting early; the returned promise then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * Refuses, at compile time, a check that may return `undefined` for "not found": as an assertion's result is `undefined`
 * too, such a check would pass at once. Let it return `null` or `false` (`find(…) ?? null`).
 */
// biome-ignore lint/suspicious/noConfusingVoidType: an assertion's result is typed void
export type Unambiguous<T> = [T] extends [void]
  ? unknown
  : undefined extends T
    ? "may return undefined, which counts as success: return null or false for 'not yet'"
    : unknown;

/**
 * Calls `check` again and again until it returns something truthy, or nothing at all, without throwing: assertions
 * can stand in it as they are. `false`, `null`, `0` and `""` mean "not yet".
 *
 * @returns what the check returned last
 * @throws TestingError `DEADLINE` when the deadline is over, also while a check is still running; its `cause` is what
 *   the check threw last
 */
export async function eventually<T>(
  check: (() => T | Promise<T>) & Unambiguous<T>,
  options: EventuallyOptions = {},
): Promise<T> {
  const { within = 5000, every = 20, signal } = options;
  const end = performance.now() + within;
  let last: unknown;
  for (let looks = 1; ; looks++) {
    signal?.throwIfAborted();
    const left = end - performance.now();
    const look = await lookOnce(check, left, signal);
    if ("value" in look) return look.value;
    if (!look.timedOut) last = look.error;
    signal?.throwIfAborted();
    if (look.timedOut || performance.now() + every >= end) throw missed(within, looks, last);
    await sleep(every, undefined, signal && { signal }).catch(() => signal?.throwIfAborted());
  }
}

type Look<T> = { value: T } | { error: unknown; timedOut: boolean };

/** One call of the check, given up at the deadline: a check that hangs must not hang the test. */
async function lookOnce<T>(
  check: () => T | Promise<T>,
  left: number,
  signal?: AbortSignal,
): Promise<Look<T>> {
  const over = new AbortController();
  const both = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
  const deadline = sleep(Math.max(left, 1), undefined, { signal: both }).then(
    (): Look<T> => ({ error: undefined, timedOut: true }),
    (): Look<T> => ({ error: signal?.reason, timedOut: false }),
  );
  try {
    return await Promise.race([look(check), deadline]);
  } finally {
    over.abort();
  }
}

async function look<T>(check: () => T | Promise<T>): Promise<Look<T>> {
  try {
    const value = await check();
    if (value || value === undefined) return { value };
    return { error: `the check returned ${String(value)}`, timedOut: false };
  } catch (error) {
    return { error, timedOut: false };
  }
}

function missed(within: number, looks: number, last: unknown): TestingError {
  const reason = last instanceof Error ? last.message : String(last ?? "the check never ended");
  return new TestingError("DEADLINE", `Not so within ${within} ms (${looks} looks); last: ${reason}`, {
    cause: last,
  });
}
