import type { Scheduler } from "@escapement/core";
import type { Output } from "../terminal/output.js";

/** Milliseconds that the second signal leaves. */
const hurried = 5000;

/**
 * SIGTERM and SIGINT, from its creation on. The first lets running handlers end; on the second running commands are ended, and what
 * has not come to an end 5 s later is left to the other nodes.
 */
export class StopSignals {
  /** Resolves at the first signal. */
  readonly first: Promise<void>;
  /** Aborted by the second. */
  readonly hurry: AbortSignal;
  readonly #late: Promise<number>;

  constructor(output: Output) {
    const hurry = new AbortController();
    this.hurry = hurry.signal;
    let [onFirst, onLate]: [() => void, (code: number) => void] = [() => undefined, () => undefined];
    this.first = new Promise((resolve) => {
      onFirst = resolve;
    });
    this.#late = new Promise((resolve) => {
      onLate = resolve;
    });
    let signals = 0;
    const onSignal = (): void => {
      signals += 1;
      if (signals === 1) {
        output.note("escapement: stopping; runs may end. Another signal stops sooner.");
        onFirst();
      } else if (signals === 2) {
        output.note("escapement: stopping at once");
        hurry.abort(new Error("The node was told twice to stop."));
        setTimeout(() => onLate(1), hurried);
      }
    };
    process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  }

  /**
   * Stops the node.
   *
   * @param timeout milliseconds that running handlers get
   * @returns the exit code: 0, or 1 if not everything came to an end
   */
  stop(scheduler: Scheduler, timeout: number): Promise<number> {
    return Promise.race([scheduler.stop({ timeout }).then(() => 0), this.#late]);
  }
}
