/** The longest that is slept at once; a timer over 2^31−1 ms would fire immediately (pitfall T3). */
const longest = 60_000;

/** A sleep that can be cut short, also by a wake that comes before the sleep. */
export class Pause {
  #woken = false;
  #end: (() => void) | undefined;

  /** Sleeps for `ms` milliseconds, a minute at most, or until {@link Pause.wake}. */
  wait(ms: number): Promise<void> {
    if (this.#woken) {
      this.#woken = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#end = undefined;
        resolve();
      };
      const timer = setTimeout(end, Math.min(Math.max(ms, 0), longest)).unref();
      this.#end = end;
    });
  }

  /** Ends the sleep under way, or else the next one. */
  wake(): void {
    if (this.#end === undefined) this.#woken = true;
    else this.#end();
  }
}
