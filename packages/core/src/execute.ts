import type { EscapementError } from "@escapement/redis";
import { json } from "./check.js";
import type { Claimed } from "./claim.js";
import { longTimer } from "./clock.js";
import { withCrashHandler } from "./crash.js";
import { type InvalidOptionError, RunCancelledError, RunTimeoutError, TaskFailure } from "./errors.js";
import type { Body } from "./record.js";
import type { RunError } from "./run.js";
import type { RunContext } from "./run-context.js";
import type { RunLogger } from "./run-logger.js";
import type { AnyTask } from "./task.js";
import { validateInput } from "./task.js";

/** How an attempt ended, as this node saw it. */
export interface Outcome {
  readonly state: "succeeded" | "failed" | "timed-out" | "cancelled";
  readonly error?: RunError;
  readonly reason?: string;
  /** JSON text. */
  readonly result?: string;
  /** The error was left uncaught by the handler. */
  readonly crashed?: boolean;
  /** What was thrown, as it was, for what decides on another attempt. */
  readonly thrown?: unknown;
}

/** What an attempt needs of its node. */
export interface Surroundings {
  readonly task: AnyTask;
  readonly controller: AbortController;
  /** Aborts the signal. */
  abort(reason: Error): void;
  readonly logger: RunLogger;
  readonly maxResult: number;
  /** Milliseconds that a handler has to end after its timeout, before it is given up. */
  readonly timeoutGrace: number;
  /** Hands over what aborts the signal on behalf of the handler; until then the controller itself does. */
  armed(abort: (reason: Error) => void): void;
  progress(value: unknown): Promise<void>;
  extend(): Promise<void>;
}

/** Carries out one attempt. Never throws: whatever the handler does is an outcome. */
export async function execute(claimed: Claimed, around: Surroundings): Promise<Outcome> {
  let clear: (() => void) | undefined;
  try {
    const body = JSON.parse(claimed.body) as Body;
    const limits = limit(body.timeout, around);
    clear = limits.clear;
    let over = false;
    const crash = new Promise<Outcome>((resolve) => {
      const onCrash = (thrown: unknown): void => {
        const error = describeError(thrown);
        if (over)
          around.logger.error({ err: error }, "a handler left an error uncaught after its attempt had ended");
        resolve({ state: "failed", error, crashed: true, thrown });
      };
      // The input is checked within the limits, too: a schema may take its time.
      const handler = withCrashHandler(onCrash, async () => {
        // What listens to the signal belongs to the handler, whoever aborts it.
        const abort = (reason: Error): void =>
          withCrashHandler(onCrash, () => around.controller.abort(reason));
        around.armed(abort);
        const { value: input } = await validateInput(around.task.options, body.input);
        around.controller.signal.throwIfAborted();
        return around.task.handler(contextOf(claimed, input, around) as never);
      });
      limits.ended(handler, resolve, around);
    });
    const outcome = await crash;
    over = true;
    return outcome;
  } catch (error) {
    return { state: "failed", error: describeError(error), thrown: error };
  } finally {
    clear?.();
  }
}

interface Limits {
  clear(): void;
  ended(handler: Promise<unknown>, resolve: (outcome: Outcome) => void, around: Surroundings): void;
}

function limit(timeout: number | undefined, around: Surroundings): Limits {
  let stopped: RunTimeoutError | RunCancelledError | undefined;
  let timer: NodeJS.Timeout | undefined;
  let giveUp: () => void = () => undefined;
  const keep = (next: NodeJS.Timeout): void => {
    timer = next;
  };
  /** The handler has a while to end by itself. */
  const stop = (reason: RunTimeoutError | RunCancelledError): void => {
    stopped ??= reason;
    clearTimeout(timer);
    timer = longTimer(around.timeoutGrace, keep, () => giveUp());
  };
  const { controller } = around;
  controller.signal.addEventListener("abort", () => {
    const { reason } = controller.signal as { reason: unknown };
    if (reason instanceof RunCancelledError) stop(reason);
  });
  if (timeout !== undefined) {
    timer = longTimer(timeout, keep, () => {
      if (stopped !== undefined) return;
      const error = new RunTimeoutError(timeout);
      stop(error);
      around.abort(error);
    });
  }
  return {
    clear: () => clearTimeout(timer),
    ended: (handler, resolve, { maxResult }) => {
      giveUp = () => resolve(cutShort(stopped));
      handler.then(
        // A cancelled run whose handler did its work all the same has succeeded.
        (value) =>
          resolve(stopped instanceof RunTimeoutError ? cutShort(stopped) : succeeded(value, maxResult)),
        (error: unknown) => {
          if (stopped instanceof RunCancelledError) resolve(cutShort(stopped));
          else
            resolve({
              state: stopped === undefined ? "failed" : "timed-out",
              thrown: error,
              ...failed(error, maxResult),
            });
        },
      );
    },
  };
}

function cutShort(reason: RunTimeoutError | RunCancelledError | undefined): Outcome {
  if (reason instanceof RunCancelledError) return { state: "cancelled", reason: reason.reason };
  return { state: "timed-out", error: describeError(reason), thrown: reason };
}

function succeeded(value: unknown, maxResult: number): Outcome {
  try {
    const result = json("result", value, maxResult);
    return result === undefined ? { state: "succeeded" } : { state: "succeeded", result };
  } catch (error) {
    // The work is done; that its result cannot be kept must not undo that.
    const { code, message } = error as InvalidOptionError;
    return { state: "succeeded", error: { name: "InvalidOptionError", code, message } };
  }
}

function failed(thrown: unknown, maxResult: number): Pick<Outcome, "error" | "result"> {
  const error = describeError(thrown);
  if (!(thrown instanceof TaskFailure)) return { error };
  try {
    const result = json("result", thrown.result, maxResult);
    return result === undefined ? { error } : { error, result };
  } catch {
    // Why the attempt failed matters more than that its result cannot be kept.
    return { error };
  }
}

function contextOf(claimed: Claimed, input: unknown, around: Surroundings): RunContext {
  const { run, job, task, attempt, token, scheduledAt } = claimed;
  return {
    id: run,
    jobId: job,
    task,
    input,
    scheduledAt: new Date(scheduledAt),
    attempt,
    fencingToken: BigInt(token),
    signal: around.controller.signal,
    log: around.logger,
    progress: around.progress,
    extend: around.extend,
  };
}

/** An error as it is kept: name, message, code and the first lines of its stack, at most 4 KiB in all. */
export function describeError(thrown: unknown): RunError {
  try {
    return readError(thrown);
  } catch {
    // Getters and proxies can throw: what a handler threw must not keep its attempt from ending.
    return { name: "Error", message: "something that cannot be shown" };
  }
}

function readError(thrown: unknown): RunError {
  if (!(thrown instanceof Error)) return { name: "Error", message: clip(safeString(thrown), 1000) };
  const code = (thrown as Partial<EscapementError>).code;
  return {
    name: clip(String(thrown.name), 100),
    message: clip(String(thrown.message), 1000),
    ...(typeof code === "string" ? { code: clip(code, 100) } : {}),
    ...(typeof thrown.stack === "string" ? { stack: clip(thrown.stack, 2500) } : {}),
  };
}

function safeString(value: unknown): string {
  try {
    return String(typeof value === "object" ? JSON.stringify(value) : value);
  } catch {
    return "something that cannot be shown";
  }
}

function clip(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
