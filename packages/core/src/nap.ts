/** A sleep that others can end, also before it begins. */
export class Nap {
  #isOver = false;
  #wake: (() => void) | undefined;

  /** Whether somebody has ended the next sleep already. That one is over with this. */
  takeWord(): boolean {
    const isOver = this.#isOver;
    this.#isOver = false;
    return isOver;
  }

  /** For so many ms, or until {@link end}. */
  async take(ms: number): Promise<void> {
    if (this.takeWord()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
    this.#isOver = false;
  }

  /** Ends the sleep, or the next one. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#wake?.();
  }
}
