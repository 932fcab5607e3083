import type { Times } from "../wall/wall-schedule.js";
import { countBits, nextBit, previousBit, SixtyBits, toBits } from "./bits.js";

/** The times of day whose hour, minute and second are each in a set. */
export class BitTimes implements Times {
  readonly first: number;
  readonly last: number;
  readonly size: number;
  readonly #hours: number;
  readonly #minutes: SixtyBits;
  readonly #seconds: SixtyBits;

  /** Each list holds at least one value. */
  constructor(hours: readonly number[], minutes: readonly number[], seconds: readonly number[]) {
    this.#hours = toBits(hours);
    this.#minutes = new SixtyBits(minutes);
    this.#seconds = new SixtyBits(seconds);
    this.first = toTime(nextBit(this.#hours, 0), this.#minutes.first, this.#seconds.first);
    this.last = toTime(previousBit(this.#hours, 23), this.#minutes.last, this.#seconds.last);
    this.size = countBits(this.#hours) * this.#minutes.size * this.#seconds.size;
  }

  after(time: number): number {
    const seconds = (time / 1000) | 0;
    const hour = (seconds / 3600) | 0;
    if (((this.#hours >>> hour) & 1) === 1) {
      const minute = ((seconds - hour * 3600) / 60) | 0;
      if (this.#minutes.has(minute)) {
        const second = this.#seconds.next(seconds - hour * 3600 - minute * 60 + 1);
        if (second >= 0) return toTime(hour, minute, second);
      }
      const later = this.#minutes.next(minute + 1);
      if (later >= 0) return toTime(hour, later, this.#seconds.first);
    }
    const later = nextBit(this.#hours, hour + 1);
    return later < 0 ? -1 : toTime(later, this.#minutes.first, this.#seconds.first);
  }

  upTo(time: number): number {
    const seconds = (time / 1000) | 0;
    const hour = (seconds / 3600) | 0;
    if (((this.#hours >>> hour) & 1) === 1) {
      const minute = ((seconds - hour * 3600) / 60) | 0;
      if (this.#minutes.has(minute)) {
        const second = this.#seconds.previous(seconds - hour * 3600 - minute * 60);
        if (second >= 0) return toTime(hour, minute, second);
      }
      const earlier = this.#minutes.previous(minute - 1);
      if (earlier >= 0) return toTime(hour, earlier, this.#seconds.last);
    }
    const earlier = previousBit(this.#hours, hour - 1);
    return earlier < 0 ? -1 : toTime(earlier, this.#minutes.last, this.#seconds.last);
  }

  countUpTo(time: number): number {
    const seconds = (time / 1000) | 0;
    const hour = (seconds / 3600) | 0;
    const perHour = this.#minutes.size * this.#seconds.size;
    const before = hour === 0 ? 0 : countBits(this.#hours & (-1 >>> (32 - hour))) * perHour;
    if (((this.#hours >>> hour) & 1) === 0) return before;
    const minute = ((seconds - hour * 3600) / 60) | 0;
    const minutes = this.#minutes.countUpTo(minute - 1) * this.#seconds.size;
    if (!this.#minutes.has(minute)) return before + minutes;
    return before + minutes + this.#seconds.countUpTo(seconds - hour * 3600 - minute * 60);
  }
}

function toTime(hour: number, minute: number, second: number): number {
  return (hour * 3600 + minute * 60 + second) * 1000;
}
