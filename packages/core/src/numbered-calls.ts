import type { Keys } from "@escapement/redis/internal";
import { newSuffix } from "./id.js";
import { repeat } from "./repeat.js";

/** What a script is handed by which it knows a call that it has applied already; scripts/lib/once.lua. */
export interface NumberedCall {
  /** The key that holds the number of the latest call of this line, and its answer. */
  readonly caller: string;
  readonly number: number;
  /** Milliseconds for which that is kept. */
  readonly caller_ttl: number;
}

interface Line {
  readonly key: string;
  number: number;
}

/**
 * Calls that are sent again until they are answered, and are applied once all the same: each goes out on a line of this process that no
 * other call uses meanwhile, under the next number of that line. There are as many lines as there were calls at the same time.
 *
 * What was written is no mark to know a call by: it may have come to its end meanwhile, and be gone.
 */
export class NumberedCalls {
  readonly #keys: Keys;
  readonly #within: number;
  readonly #process = newSuffix();
  readonly #free: Line[] = [];
  #lines = 0;

  /** @param within ms for which a call is sent again */
  constructor(keys: Keys, within: number) {
    this.#keys = keys;
    this.#within = within;
  }

  /**
   * @param within ms for which it is sent again, if less than usual
   * @throws what `call` throws last; `REDIS_TIMEOUT` where it may have been applied
   */
  async run<R>(call: (numbered: NumberedCall) => Promise<R>, within: number = this.#within): Promise<R> {
    const line = this.#free.pop() ?? this.#open();
    line.number += 1;
    const numbered = { caller: line.key, number: line.number, caller_ttl: this.#keptFor() };
    try {
      return await repeat(within, () => call(numbered));
    } finally {
      this.#free.push(line);
    }
  }

  /** Far longer than anybody sends a call again. */
  #keptFor(): number {
    return Math.max(600_000, 4 * this.#within);
  }

  #open(): Line {
    this.#lines += 1;
    return { key: this.#keys.caller(`${this.#process}-${this.#lines}`), number: 0 };
  }
}
