import { InvalidTriggerError, quote } from "./invalid-trigger-error.js";
import { parseCron } from "./parse-cron.js";
import { parseEvery } from "./parse-every.js";
import { parseOnce } from "./parse-once.js";
import { readPlainObject, readType } from "./plain-object.js";
import type { Trigger } from "./trigger.js";

// Known to the final language; the next milestone moves them up.
const announced: readonly string[] = [
  "everyRandom",
  "daily",
  "weekly",
  "monthly",
  "calendarInterval",
  "dailyWindow",
  "anyOf",
  "allOf",
  "except",
];

/**
 * Validates a trigger from anywhere (Redis, a request, a file) and returns it in canonical form: a new object with
 * instants in ms, sorted and without repeats. Parsing what it returned gives the same again.
 *
 * @throws InvalidTriggerError whatever is wrong with it; nothing else is ever thrown
 */
export function parseTrigger(json: unknown): Trigger {
  const type = readType(json);
  switch (type) {
    case "cron":
      return parseCron(
        readPlainObject(
          json,
          ["type", "expr", "timezone", "dialect", "gap", "overlap", "seed"],
          "a cron trigger",
        ),
      );
    case "every":
      return parseEvery(
        readPlainObject(json, ["type", "interval", "from", "phase", "after"], "an every trigger"),
      );
    case "once":
      return parseOnce(readPlainObject(json, ["type", "at"], "a once trigger"));
  }
  const known = typeof type === "string" && announced.includes(type);
  throw new InvalidTriggerError(
    known ? "UNSUPPORTED" : "INVALID_TRIGGER",
    known
      ? `triggers of type ${quote(type)} are not supported in this version: use cron, every or once`
      : `a trigger is a plain object whose type is "cron", "every" or "once", not ${quote(type ?? json)}`,
    { field: "type", value: type ?? json },
  );
}
