import type { Definition } from "./definition.js";

/** The latest job that asks for nothing unusual, and its record's first line but for the version: jobs that are defined together mostly share one. */
let latest: { readonly definition: Definition; readonly line: string } | undefined;

/** The first line of a job's record but for the version, if it is the latest one that was remembered. */
export function usualLine(definition: Definition): string | undefined {
  return latest !== undefined && isUsual(definition) && isAlike(latest.definition, definition)
    ? latest.line
    : undefined;
}

/** Remembers and answers a line, which is that of this job. */
export function rememberLine(definition: Definition, line: string): string {
  if (isUsual(definition)) latest = { definition, line };
  return line;
}

/** Whether nothing stands in the line but what {@link isAlike} compares. */
function isUsual(definition: Definition): boolean {
  const { trigger, dependsOn, then: followed, tags, deadLetter, whenExhausted, resumeFrom } = definition;
  const { concurrencyKey, concurrencyLimit, rateLimit, maxRuns, retain, pauseAfterFailures } = definition;
  const named = concurrencyKey ?? concurrencyLimit ?? rateLimit ?? maxRuns ?? retain ?? pauseAfterFailures;
  return (
    named === undefined &&
    trigger !== undefined &&
    !(trigger.type === "every" && trigger.after !== undefined) &&
    dependsOn.length === 0 &&
    followed.length === 0 &&
    tags.length === 0 &&
    deadLetter &&
    whenExhausted === "keep" &&
    resumeFrom === "missed"
  );
}

function isAlike(one: Definition, other: Definition): boolean {
  return (
    one.queue === other.queue &&
    one.task === other.task &&
    one.priority === other.priority &&
    one.delivery === other.delivery &&
    one.overlap === other.overlap &&
    one.grace === other.grace &&
    one.jitter === other.jitter &&
    one.catchUp === other.catchUp &&
    one.max === other.max &&
    one.maxLost === other.maxLost
  );
}
