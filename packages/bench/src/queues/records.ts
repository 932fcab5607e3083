/** What handlers saw: a line a run, in columns, so that writing one down costs next to nothing. */
export class Records {
  count = 0;
  #times = new Float64Array(65_536);
  #due = new Float64Array(65_536);
  #numbers = new Uint32Array(65_536);

  add(n: number, dueAt: number): void {
    if (this.count === this.#times.length) this.#grow();
    this.#times[this.count] = now();
    this.#due[this.count] = dueAt;
    this.#numbers[this.count] = n;
    this.count += 1;
  }

  /** As it is told to another process. */
  toColumns(): Columns {
    const { count } = this;
    return {
      times: this.#times.slice(0, count),
      due: this.#due.slice(0, count),
      numbers: this.#numbers.slice(0, count),
    };
  }

  #grow(): void {
    const twice = <T extends Float64Array | Uint32Array>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    const length = this.count * 2;
    this.#times = twice(new Float64Array(length), this.#times);
    this.#due = twice(new Float64Array(length), this.#due);
    this.#numbers = twice(new Uint32Array(length), this.#numbers);
  }
}

/** {@link Records}: when each handler was called, when its run was due, in ms since the epoch, and its number. */
export interface Columns {
  readonly times: Float64Array;
  readonly due: Float64Array;
  readonly numbers: Uint32Array;
}

/** Milliseconds since the epoch, with fractions; processes of one machine agree. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
