import { InvalidTriggerError, quote } from "../invalid-trigger-error.js";

/**
 * Copies the own properties of a plain object that may come from anywhere. A property that is not allowed, `__proto__`
 * and inherited ones included, is refused or never seen; one that is `undefined` counts as absent.
 *
 * @param what how to call the object in the error
 * @throws InvalidTriggerError `INVALID_TRIGGER`
 */
export function readPlainObject(
  value: unknown,
  allowed: readonly string[],
  what: string,
): ReadonlyMap<string, unknown> {
  if (!isPlainObject(value)) {
    throw new InvalidTriggerError("INVALID_TRIGGER", `${what} must be a plain object, not ${quote(value)}`, {
      value,
    });
  }
  const properties = new Map<string, unknown>();
  for (const key of Reflect.ownKeys(value)) {
    if (typeof key !== "string" || !allowed.includes(key)) {
      throw new InvalidTriggerError(
        "INVALID_TRIGGER",
        `${what} has no property ${quote(key)}: it may have ${allowed.join(", ")}`,
        { value: key },
      );
    }
    const property: unknown = Reflect.get(value, key);
    if (property !== undefined) properties.set(key, property);
  }
  return properties;
}

/** The own property `type` of a plain object, or `undefined`. */
export function readType(value: unknown): unknown {
  return isPlainObject(value) && Object.hasOwn(value, "type") ? Reflect.get(value, "type") : undefined;
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // The second test admits plain objects of another realm (an iframe, a vm context).
  return prototype === null || (typeof prototype === "object" && Object.getPrototypeOf(prototype) === null);
}
