/**
 * Ends a command that goes on until it is stopped: at SIGINT, SIGTERM or SIGHUP, and when nobody reads its output any more. None of these
 * is a failure.
 */
export class StopWatch implements Disposable {
  readonly #ended = new AbortController();
  readonly #onEnd = (): void => this.#ended.abort();

  constructor() {
    for (const signal of signals) process.on(signal, this.#onEnd);
    process.stdout.on("error", this.#onEnd);
  }

  /** Aborted when the command is to end. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  [Symbol.dispose](): void {
    for (const signal of signals) process.off(signal, this.#onEnd);
    process.stdout.off("error", this.#onEnd);
  }
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
