/** How much of a value is looked at. */
const most = { depth: 6, values: 200, text: 1024 } as const;

/**
 * A copy of any value that JSON can hold, and not more of it than is worth keeping. Never throws: errors become their name, message,
 * code, stack and cause; big integers, Infinity and NaN texts; what repeats itself, throws or is too deep a word about it.
 */
export function plain(value: unknown): unknown {
  return new Copy().of(value, 0);
}

class Copy {
  #left: number = most.values;
  readonly #above = new Set<object>();

  of(value: unknown, depth: number): unknown {
    this.#left -= 1;
    if (this.#left < 0) return "[…]";
    if (typeof value === "string") return clip(value);
    if (typeof value === "bigint") return clip(String(value));
    if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
    if (typeof value === "boolean" || value === null) return value;
    if (typeof value !== "object") return undefined;
    if (this.#above.has(value)) return "[circular]";
    if (depth >= most.depth) return "[…]";
    this.#above.add(value);
    try {
      return this.#object(value, depth + 1);
    } catch {
      return "[cannot be shown]";
    } finally {
      this.#above.delete(value);
    }
  }

  #object(value: object, depth: number): unknown {
    if (value instanceof Error) return this.#error(value, depth);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (value instanceof Map || value instanceof Set) return `[${value.size} items]`;
    if (Array.isArray(value))
      return value.slice(0, Math.max(this.#left, 0)).map((item: unknown) => this.of(item, depth) ?? null);
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === "function") return this.of(toJSON.call(value, ""), depth);
    const copy: Record<string, unknown> = Object.create(null);
    for (const name of Object.keys(value)) {
      if (this.#left <= 0) break;
      copy[clip(name)] = this.#read(value, name, depth);
    }
    return copy;
  }

  #read(value: object, name: string, depth: number): unknown {
    try {
      return this.of((value as Record<string, unknown>)[name], depth);
    } catch {
      return "[cannot be read]"; // a getter that throws
    }
  }

  #error(error: Error, depth: number): unknown {
    const copy: Record<string, unknown> = Object.create(null);
    for (const name of ["name", "message", "code", "stack", "cause"]) {
      const part = this.#read(error, name, depth);
      if (part !== undefined) copy[name] = part;
    }
    return copy;
  }
}

function clip(text: string): string {
  return text.length > most.text ? `${text.slice(0, most.text)}…` : text;
}
