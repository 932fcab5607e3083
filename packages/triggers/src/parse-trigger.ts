import { readPlainObject, readType } from "./input/plain-object.js";
import { InvalidTriggerError, quote } from "./invalid-trigger-error.js";
import { kinds } from "./kinds/index.js";
import { maxDepth, maxNested } from "./limits.js";
import type { Trigger } from "./trigger.js";

/** The version of the JSON form of triggers: what is written without one is of this version. */
export const jsonVersion: number = 1;

/**
 * Validates a trigger from anywhere (Redis, a request, a file) and returns it in canonical form: a new object with
 * instants in ms, lists sorted and without repeats. Parsing what it returned gives the same again. A `version` may stand
 * in it; it must be 1, and is dropped.
 *
 * @throws InvalidTriggerError whatever is wrong with it; nothing else is ever thrown. `UNSUPPORTED`: written by a newer
 *   version of this package
 */
export function parseTrigger(json: unknown): Trigger {
  let triggers = 0;
  const parse = (nested: unknown, depth: number): Trigger => {
    triggers += 1;
    if (depth > maxDepth || triggers > maxNested) {
      throw new InvalidTriggerError(
        "INVALID_TRIGGER",
        `a trigger holds others at most ${maxDepth} deep and ${maxNested} in all: name fewer`,
        { field: "triggers" },
      );
    }
    const parsed = parseOne(nested, (inner) => parse(inner, depth + 1));
    if (depth > 0 && parsed.type === "every" && parsed.after !== undefined) {
      throw new InvalidTriggerError(
        "INVALID_FIELD",
        'an interval that counts "after" the completion of a run cannot stand within another trigger',
        { field: "after", value: parsed.after },
      );
    }
    return parsed;
  };
  try {
    return parse(json, 0);
  } catch (error) {
    if (error instanceof InvalidTriggerError) throw error;
    // An accessor or a proxy of the caller's threw.
    throw new InvalidTriggerError("INVALID_TRIGGER", "the trigger cannot be read: give plain JSON");
  }
}

function parseOne(json: unknown, nested: (inner: unknown) => Trigger): Trigger {
  const type = readType(json);
  if (!isType(type)) {
    throw new InvalidTriggerError(
      "INVALID_TRIGGER",
      `a trigger is a plain object with a type of ${Object.keys(kinds).join(", ")}, not ${quote(type ?? json)}`,
      { field: "type", value: type ?? json },
    );
  }
  const kind = kinds[type];
  const known = kind.again?.(json as object);
  if (known !== undefined) return known;
  const properties = readPlainObject(json, allowedIn[type] ?? [], `a trigger of type ${type}`);
  const version = properties.get("version");
  if (version !== undefined && version !== jsonVersion) {
    throw new InvalidTriggerError(
      "UNSUPPORTED",
      `this trigger is written in version ${quote(version)}, of which this package knows ${jsonVersion}: upgrade it`,
      { field: "version", value: version },
    );
  }
  return kind.parse(properties, nested);
}

const allowedIn: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries(kinds).map(([type, { properties }]) => [type, ["type", "version", ...properties]]),
);

function isType(type: unknown): type is Trigger["type"] {
  return typeof type === "string" && Object.hasOwn(kinds, type);
}
