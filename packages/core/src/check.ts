import { EscapementError } from "@escapement/redis";
import { checkName, show } from "@escapement/redis/internal";
import { InvalidTriggerError } from "@escapement/triggers";
import { InvalidOptionError } from "./errors.js";

/**
 * A plain object's own fields, after a look that each of them is known; whatever else is refused. Each is read once: what an accessor
 * or a proxy says the next time does not matter any more.
 */
export function fields(path: string, value: unknown, known: readonly string[]): Record<string, unknown> {
  if (!isOptions(value)) throw new InvalidOptionError(path, `takes an object, not ${show(value)}.`);
  return readable(path, () => {
    const names = Object.keys(value);
    for (const name of names) {
      if (!known.includes(name)) {
        throw new InvalidOptionError(
          `${path}.${name.slice(0, 40)}`,
          `is no option of this version. There are: ${known.join(", ")}.`,
        );
      }
    }
    // What a class or a module brings along stands further up.
    const plain = Object.getPrototypeOf(value) === Object.prototype;
    const own: Record<string, unknown> = {};
    for (const name of plain ? names : known) if (plain || name in value) own[name] = value[name];
    return own;
  });
}

/**
 * Reads what a caller has handed over.
 *
 * @throws InvalidOptionError if it throws as it is read, as accessors and proxies may, for whatever reason
 */
export function readable<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof EscapementError || cause instanceof InvalidTriggerError) throw cause;
    throw new InvalidOptionError(path, "cannot be read: give plain values.", { cause });
  }
}

/** Whether it is a list; `false` also for a proxy that cannot say. */
export function isList(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/**
 * Whether it is an object that can hold options: no list, Map, Date or Promise, whose options nobody would see. Instances of classes
 * and modules will do.
 */
export function isOptions(value: unknown): value is Record<string, unknown> {
  return ["[object Object]", "[object Module]"].includes(tagOf(value));
}

/** An option's value, or its default if it was left out. `null` is a value, and for most options a wrong one. */
export function orElse(value: unknown, normal: unknown): unknown {
  return value === undefined ? normal : value;
}

/** A whole number within bounds. */
export function whole(path: string, value: unknown, least: number, most: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new InvalidOptionError(path, `must be a whole number from ${least} to ${most}, not ${shown(value)}.`);
}

/** One of a few words. */
export function oneOf<T extends string>(path: string, value: unknown, words: readonly T[]): T {
  const found = words.find((word) => word === value);
  if (found !== undefined) return found;
  throw new InvalidOptionError(
    path,
    `must be ${words.map((word) => `"${word}"`).join(" or ")}, not ${shown(value)}.`,
  );
}

/** `true` or `false`. */
export function flag(path: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new InvalidOptionError(path, `must be true or false, not ${shown(value)}.`);
}

/** A list of names; none where nothing is given. */
export function names(path: string, value: unknown, most: number): string[] {
  if (value === undefined) return [];
  return readable(path, () => {
    if (!isList(value) || value.length > most)
      throw new InvalidOptionError(path, `must be a list of at most ${most} names.`);
    // What a list leaves out is undefined, and not passed over.
    return [...new Set(Array.from(value, (name, index) => nameAt(`${path}[${index}]`, name)))];
  });
}

/** An id or name, by the one rule that there is for them. */
export function nameAt(path: string, value: unknown): string {
  try {
    return checkName(path, value);
  } catch (cause) {
    throw new InvalidOptionError(path, (cause as Error).message, { cause, code: "INVALID_NAME" });
  }
}

/** What JSON writes as `{}`. */
const lossy = /^\[object (Map|Set|WeakMap|WeakSet|Promise)\]$/;

/** What kind of object it is, as `[object Map]`; nothing for a proxy that throws when it is asked. */
function tagOf(value: unknown): string {
  try {
    return Object.prototype.toString.call(value);
  } catch {
    return "";
  }
}

/**
 * An input as JSON text, as {@link json} has it.
 *
 * @throws InvalidOptionError `INVALID_INPUT` also for what JSON would turn into something else without a word
 */
export function inputJson(path: string, value: unknown, maxBytes: number): string | undefined {
  const lost = typeof value === "number" ? !Number.isFinite(value) : lossy.test(tagOf(value));
  if (!lost) return json(path, value, maxBytes);
  const what = typeof value === "number" ? String(value) : `a ${tagOf(value).slice(8, -1)}`;
  throw new InvalidOptionError(path, `cannot be written as JSON: it is ${what}.`, { code: "INVALID_INPUT" });
}

/**
 * A value as JSON text; `undefined` becomes `undefined`.
 *
 * @throws InvalidOptionError `INVALID_INPUT` for what JSON cannot hold, or more than `maxBytes` of it
 */
export function json(path: string, value: unknown, maxBytes: number): string | undefined {
  if (value === undefined) return undefined;
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    const said = cause instanceof Error ? show(cause.message).slice(1, -1) : "an accessor or toJSON threw";
    throw new InvalidOptionError(path, `cannot be written as JSON: ${said}`, {
      cause,
      code: "INVALID_INPUT",
    });
  }
  if (text === undefined)
    throw new InvalidOptionError(path, "cannot be written as JSON.", { code: "INVALID_INPUT" });
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxBytes) return text;
  const message = `is ${bytes} bytes of JSON, over the limit of ${maxBytes}. Store it elsewhere and pass a reference.`;
  throw new InvalidOptionError(path, message, { code: "INPUT_TOO_LARGE" });
}

function shown(value: unknown): string {
  return typeof value === "number" ? String(value) : show(value);
}
