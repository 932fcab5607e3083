import { usesSeed } from "../cron/cron-wall.js";
import { compileWall } from "../kinds/cron.js";
import type { CronTrigger, WallClockOptions } from "../trigger.js";
import { cronSentence } from "./cron-sentence.js";
import { sayable } from "./field-values.js";
import type { Language } from "./locale.js";
import { shorten } from "./words.js";

const maxQuoted = 200;

/**
 * Describes a cron trigger; quotes the expression where a sentence would be wrong or long, or, with `H` but
 * no seed, where each job has its own.
 */
export function describeCron(trigger: CronTrigger, language: Language): string {
  return `${sentence(trigger, language) ?? `On ${quoteExpression(trigger.expr)}`}${zoneNote(trigger)}`;
}

/** `the cron expression "…"`. */
export function quoteExpression(expr: string): string {
  return `the cron expression "${shorten(expr, maxQuoted)}"`;
}

/** The zone in parentheses, and what is done about changes of clocks where that is not the default. */
export function zoneNote({ timezone, gap, overlap }: WallClockOptions): string {
  const notes = [timezone ?? "UTC"];
  if (gap !== undefined && gap !== "next-valid") notes.push(`gap: ${gap}`);
  if (overlap !== undefined && overlap !== "first") notes.push(`overlap: ${overlap}`);
  return ` (${notes.join("; ")})`;
}

function sentence(trigger: CronTrigger, language: Language): string | undefined {
  // Without a seed each job has its own times.
  if (usesSeed(trigger.expr) && trigger.seed === undefined) return undefined;
  return cronSentence(sayable(compileWall(trigger, undefined).fields), language);
}
