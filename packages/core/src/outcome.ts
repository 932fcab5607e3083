import type { EscapementError } from "@escapement/redis";
import { json } from "./check.js";
import { type InvalidOptionError, RunCancelledError, type RunTimeoutError, TaskFailure } from "./errors.js";
import type { RunError } from "./run.js";

/** How an attempt ended, as its node saw it. */
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

const succeededWithNothing: Outcome = { state: "succeeded" };

/** Of a handler that answered `value`. `most`: bytes of JSON that a result may take. */
export function succeeded(value: unknown, most: number): Outcome {
  if (value === undefined) return succeededWithNothing;
  try {
    const result = json("result", value, most);
    return result === undefined ? succeededWithNothing : { state: "succeeded", result };
  } catch (error) {
    // The work is done; that its result cannot be kept must not undo that.
    const { code, message } = error as InvalidOptionError;
    return { state: "succeeded", error: { name: "InvalidOptionError", code, message } };
  }
}

/** Of a handler that threw, after its timeout if `timedOut`. */
export function failed(thrown: unknown, timedOut: boolean, most: number): Outcome {
  const error = describeError(thrown);
  const outcome = { state: timedOut ? "timed-out" : "failed", error, thrown } as const;
  if (!(thrown instanceof TaskFailure)) return outcome;
  try {
    const result = json("result", thrown.result, most);
    return result === undefined ? outcome : { ...outcome, result };
  } catch {
    // Why the attempt failed matters more than that its result cannot be kept.
    return outcome;
  }
}

/** Of a handler that was told to stop. */
export function cutShort(reason: RunTimeoutError | RunCancelledError): Outcome {
  if (reason instanceof RunCancelledError) return { state: "cancelled", reason: reason.reason };
  return { state: "timed-out", error: describeError(reason), thrown: reason };
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
