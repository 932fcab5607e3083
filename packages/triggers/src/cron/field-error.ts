import { InvalidTriggerError, quote } from "../invalid-trigger-error.js";
import type { CronFieldName } from "./field-rules.js";

/** The error for one item of a field; `position` is where it starts in the expression, from 0. */
export function fieldError(
  field: CronFieldName,
  value: string,
  position: number,
  reason: string,
): InvalidTriggerError {
  return new InvalidTriggerError(
    "INVALID_FIELD",
    `the cron field ${field} is wrong at ${quote(value)} (character ${position + 1}): ${reason}`,
    { field, value, position },
  );
}
