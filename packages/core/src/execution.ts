import { EscapementError } from "@escapement/redis";
import type { Placed } from "@escapement/redis/internal";
import type { Claimed } from "./claim.js";
import { longTimer, monotonic } from "./clock.js";
import { type CrashHandler, withCrashHandler } from "./crash.js";
import { RunCancelledError, RunTimeoutError } from "./errors.js";
import { cutShort, describeError, failed, type Outcome, succeeded } from "./outcome.js";
import { HandlerContext } from "./run-context.js";
import type { RunLogger } from "./run-logger.js";
import { type AnyTask, validateInput } from "./task.js";

/** What an execution needs of its node. */
export interface Surroundings {
  readonly maxResult: number;
  /** Milliseconds that a handler has to end after its timeout, before it is given up. */
  readonly abortGrace: number;
  /** A logger that keeps what is said of the attempt, and what ends that. */
  openLog(claimed: Claimed): { readonly logger: RunLogger; close(): void };
  progress(claimed: Claimed, value: unknown): Promise<void>;
  extend(claimed: Claimed): Promise<void>;
  /** The attempt has ended; once, and whatever the handler does. */
  ended(execution: Execution, outcome: Outcome): void;
}

/** One attempt that is carried out: its handler, its signal and its limits. What a handler does not ask for is not made. */
export class Execution implements CrashHandler, Placed {
  readonly claimed: Claimed;
  readonly task: AnyTask;
  place = -1;
  readonly #around: Surroundings;
  #over = false;
  #controller: AbortController | undefined;
  #aborted: Error | undefined;
  /** Why the handler was told to stop, of what leaves it a while to end by itself. */
  #stopped: RunTimeoutError | RunCancelledError | undefined;
  #timer: NodeJS.Timeout | undefined;
  #log: ReturnType<Surroundings["openLog"]> | undefined;
  #waiters: (() => void)[] | undefined;
  #startedAt = 0; // monotonic

  constructor(claimed: Claimed, task: AnyTask, around: Surroundings) {
    this.claimed = claimed;
    this.task = task;
    this.#around = around;
  }

  /** Why the signal was aborted; `undefined` if it was not. */
  get aborted(): Error | undefined {
    return this.#aborted;
  }

  /** When the handler was called, by the monotonic clock. */
  get startedAt(): number {
    return this.#startedAt;
  }

  /** Resolves when what is to become of it has been decided. */
  over(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters ??= [];
      this.#waiters.push(resolve);
    });
  }

  /** That has been decided. */
  leave(): void {
    for (const resolve of this.#waiters ?? []) resolve();
  }

  /** Calls the handler. Never throws: whatever it does is an outcome. */
  begin(): void {
    this.#startedAt = monotonic();
    // Only what the handler itself does is its own: what follows on its end is not.
    try {
      const timeout = this.claimed.body?.timeout;
      if (timeout !== undefined) this.#limit(timeout);
      const answer: unknown = withCrashHandler(this, this.#call);
      if (isThenable(answer)) Promise.resolve(answer).then(this.#answered, this.#threw);
      else this.#answered(answer);
    } catch (error) {
      this.#threw(error);
    }
  }

  /** Tells the handler to stop. What listens to the signal belongs to the handler, whoever aborts it. */
  abort(reason: Error): void {
    if (this.#aborted !== undefined) return;
    this.#aborted = reason;
    if (reason instanceof RunCancelledError && !this.#over) this.#stop(reason);
    const controller = this.#controller;
    if (controller !== undefined) withCrashHandler(this, () => controller.abort(reason));
  }

  /** The handler left an error uncaught. */
  crashed(thrown: unknown): void {
    const error = describeError(thrown);
    if (this.#over)
      this.logger.error({ err: error }, "a handler left an error uncaught after its attempt had ended");
    else this.#end({ state: "failed", error, crashed: true, thrown });
  }

  /** The input is checked within the limits, too: a schema may take its time. */
  readonly #call = (): unknown => {
    const { options } = this.task;
    const { body } = this.claimed;
    if (body === undefined) throw noBody();
    const { input } = body;
    if (options.input === undefined) return this.#handle(input);
    return validateInput(options, input).then(({ value }) => this.#handle(value));
  };

  #handle(input: unknown): unknown {
    if (this.#aborted !== undefined) throw this.#aborted;
    return this.task.handler(new HandlerContext(this, this.#around, input) as never);
  }

  // A cancelled run whose handler did its work all the same has succeeded.
  readonly #answered = (value: unknown): void => {
    if (this.#stopped instanceof RunTimeoutError) this.#end(cutShort(this.#stopped));
    else this.#end(succeeded(value, this.#around.maxResult));
  };

  readonly #threw = (error: unknown): void => {
    if (this.#stopped instanceof RunCancelledError) this.#end(cutShort(this.#stopped));
    else this.#end(failed(error, this.#stopped !== undefined, this.#around.maxResult));
  };

  #end(outcome: Outcome): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#log?.close();
    this.#around.ended(this, outcome);
  }

  readonly #keepTimer = (timer: NodeJS.Timeout): void => {
    this.#timer = timer;
  };

  #limit(timeout: number): void {
    this.#timer = longTimer(timeout, this.#keepTimer, () => {
      if (this.#stopped !== undefined) return;
      const error = new RunTimeoutError(timeout);
      this.#stop(error);
      this.abort(error);
    });
  }

  /** The handler has a while to end by itself; then it is given up. */
  #stop(reason: RunTimeoutError | RunCancelledError): void {
    const first = this.#stopped ?? reason;
    this.#stopped = first;
    clearTimeout(this.#timer);
    this.#timer = longTimer(this.#around.abortGrace, this.#keepTimer, () => this.#end(cutShort(first)));
  }

  /** Of the handler. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  /** Of the handler, and of what is to be said of it. */
  get logger(): RunLogger {
    if (this.#log === undefined) {
      this.#log = this.#around.openLog(this.claimed);
      if (this.#over) this.#log.close();
    }
    return this.#log.logger;
  }
}

function noBody(): EscapementError {
  return new EscapementError(
    "INVALID_RECORD",
    "What the job's or the run's record says is no JSON object: it was written by somebody else. Define the job anew, or enqueue the run again.",
  );
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === "object" && value !== null) || typeof value === "function") &&
    typeof (value as { then?: unknown }).then === "function"
  );
}
