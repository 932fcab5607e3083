import { monotonic } from "./clock.js";

/** For so many ms from when more turns out to be due than was asked for, that goes before what has ended. */
const rush = 50;
/** So many runs may have ended by then without being reported. */
const mostEnded = 1000;

/** Whether more is due than a node has asked for, and since when. */
export class Backlog {
  #isDeep = false;
  #rushEnds = 0; // monotonic

  /** The last answer was as much as was asked for: there is more. */
  get isDeep(): boolean {
    return this.#isDeep;
  }

  /** Whether an answer left more behind; `now` is monotonic. */
  learn(isDeep: boolean, now: number = monotonic()): void {
    if (isDeep && !this.#isDeep) this.#rushEnds = now + rush;
    this.#isDeep = isDeep;
  }

  /**
   * Whether more of it is asked for before so many runs that have ended are reported. Where many become due in the same instant each starts as late as all
   * that Redis does before; what has ended is written down as late as it would be anyway. Not where there is no end to them.
   */
  goesBefore(ended: number, now: number = monotonic()): boolean {
    return this.#isDeep && ended < mostEnded && now < this.#rushEnds;
  }
}
