/** Bit sets of small integers: one 32-bit integer for up to 32 values, a pair of them with 30 values each for 0 to 59. */

/** The least member from `from` on, or −1; members are 0 to 31. */
export function nextBit(set: number, from: number): number {
  if (from > 31) return -1;
  const rest = (set >>> from) << from;
  return rest === 0 ? -1 : 31 - Math.clz32(rest & -rest);
}

/** The greatest member up to `to`, or −1; members are 0 to 31. */
export function previousBit(set: number, to: number): number {
  if (to < 0) return -1;
  return 31 - Math.clz32(set & (-1 >>> (31 - Math.min(to, 31))));
}

/** How many members there are. */
export function countBits(set: number): number {
  let bits = set - ((set >>> 1) & 0x5555_5555);
  bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

/** The set of the given members, each 0 to 31. */
export function toBits(members: Iterable<number>): number {
  let set = 0;
  for (const member of members) set |= 1 << member;
  return set;
}

/** A set of seconds or minutes: which of 0 to 59 are in it. */
export class SixtyBits {
  readonly #low: number;
  readonly #high: number;
  /** The least member. */
  readonly first: number;
  /** The greatest member. */
  readonly last: number;
  /** How many members there are. */
  readonly size: number;

  /** @param members 0 to 59, at least one */
  constructor(members: readonly number[]) {
    this.#low = toBits(members.filter((member) => member < 30));
    this.#high = toBits(members.filter((member) => member >= 30).map((member) => member - 30));
    this.first = this.next(0);
    this.last = this.previous(59);
    this.size = this.countUpTo(59);
  }

  has(value: number): boolean {
    return value < 30 ? ((this.#low >>> value) & 1) === 1 : ((this.#high >>> (value - 30)) & 1) === 1;
  }

  /** The least member from `from` on, or −1. */
  next(from: number): number {
    if (from < 30) {
      const low = nextBit(this.#low, from);
      if (low >= 0) return low;
    }
    const high = nextBit(this.#high, from < 30 ? 0 : from - 30);
    return high < 0 ? -1 : high + 30;
  }

  /** The greatest member up to `to`, or −1. */
  previous(to: number): number {
    const high = previousBit(this.#high, to - 30);
    return high >= 0 ? high + 30 : previousBit(this.#low, to);
  }

  /** How many members are at most `to`. */
  countUpTo(to: number): number {
    if (to < 0) return 0;
    if (to < 30) return countBits(this.#low & (-1 >>> (31 - to)));
    return countBits(this.#low) + countBits(this.#high & (-1 >>> (61 - Math.min(to, 61))));
  }
}
