import { InvalidTriggerError } from "../index.js";

interface Timed {
  readonly name: string;
  readonly attempt: () => unknown;
  readonly ms: number;
}

/** What became of hostile inputs: refused with the typed error, answered, or at fault, and which were the slowest. */
export class Outcomes {
  refused = 0;
  answered = 0;
  readonly #faults = new Map<string, string>();
  #slowest: Timed[] = [];

  /** Runs `attempt`: an `InvalidTriggerError` or a result is fine, any other exception is a fault. */
  run(where: string, input: string, attempt: () => unknown): void {
    const start = performance.now();
    const fault = this.#outcomeOf(attempt);
    const ms = performance.now() - start;
    if (fault !== null) this.#faults.set(`${where}: ${fault}`, input);
    if (ms > (this.#slowest.at(-1)?.ms ?? 0) || this.#slowest.length < 20) {
      this.#slowest.push({ name: `${where} with ${input}`, attempt, ms });
      this.#slowest = this.#slowest.sort((a, b) => b.ms - a.ms).slice(0, 20);
    }
  }

  #outcomeOf(attempt: () => unknown): string | null {
    try {
      attempt();
      this.answered += 1;
      return null;
    } catch (error) {
      this.refused += 1;
      return error instanceof InvalidTriggerError ? null : String(error);
    }
  }

  /** The faults so far, each with an input that shows it; forgets them. */
  takeFaults(): string[] {
    const faults = [...this.#faults].map(([fault, input]) => `${fault} (for instance with ${input})`);
    this.#faults.clear();
    return faults;
  }

  /**
   * The slowest inputs in ms: the first time, which a pause of the machine may be part of, and the best of three more, which
   * find their way warm.
   */
  findSlowest(): readonly { readonly name: string; readonly first: number; readonly again: number }[] {
    return this.#slowest.map(({ name, attempt, ms }) => {
      const times = [1, 2, 3].map(() => {
        const start = performance.now();
        this.#outcomeOf(attempt);
        return performance.now() - start;
      });
      return { name, first: ms, again: Math.min(...times) };
    });
  }
}

/** A short name for an input of any kind. */
export function nameOf(value: unknown): string {
  try {
    if (typeof value === "bigint") return `${value}n`;
    const json = typeof value === "number" ? String(value) : JSON.stringify(value);
    return (json ?? typeof value).slice(0, 200);
  } catch {
    return `${typeof value} that JSON refuses`;
  }
}

/** Own names of what hostile keys could reach. */
export function prototypeNames(): string {
  const prototypes = [Object.prototype, Array.prototype, Map.prototype, Function.prototype, String.prototype];
  return prototypes.map((prototype) => Reflect.ownKeys(prototype).map(String).join()).join(";");
}
