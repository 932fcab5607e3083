import { parseTrigger } from "./parse-trigger.js";
import type { Trigger } from "./trigger.js";

/** A trigger with the version of its form, to be kept where other versions of this package may read it. */
export type TriggerJSON = Trigger & { readonly version: 1 };

/**
 * The JSON form of a trigger, which `parseTrigger` reads: its canonical form and the version of the form.
 *
 * @throws InvalidTriggerError for whatever `parseTrigger` refuses
 */
export function triggerToJSON(trigger: Trigger): TriggerJSON {
  return { version: 1, ...parseTrigger(trigger) };
}
