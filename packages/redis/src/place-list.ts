/** What can stand in one {@link PlaceList}. */
export interface Placed {
  /** Where it stands; below 0: nowhere. The list sets it. */
  place: number;
}

/**
 * What is under way, in no order. Each knows its place, so that it leaves at once, however many there are. No set: what comes and goes by the hundred thousand leaves
 * sets behind that keep each other, and what was in them, from being freed.
 */
export class PlaceList<T extends Placed> implements Iterable<T> {
  readonly #all: T[] = [];

  get size(): number {
    return this.#all.length;
  }

  add(one: T): void {
    one.place = this.#all.push(one) - 1;
  }

  /** Nothing, if it is not there any more. */
  remove(one: T): void {
    if (one.place < 0) return;
    const last = this.#all.pop();
    if (last !== undefined && last !== one) {
      this.#all[one.place] = last;
      last.place = one.place;
    }
    one.place = -1;
  }

  /** All that are there now, whatever leaves meanwhile. */
  [Symbol.iterator](): Iterator<T> {
    return [...this.#all].values();
  }
}
