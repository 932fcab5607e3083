import {
  type CompiledTrigger,
  type CompileOptions,
  compileTrigger,
  isOfJob,
  type Trigger,
} from "@escapement/triggers";
import type { Definition } from "./definition.js";

/** What of a job's definition says when it fires. */
export interface Schedule extends Pick<Definition, "startAt" | "endAt"> {
  readonly trigger: Trigger;
  /** The trigger as JSON, where somebody has made it already. */
  readonly text?: string;
}

/**
 * When a job fires by itself; `undefined` for one that has no trigger, since it follows others.
 *
 * @param text the trigger as JSON, if it is known
 */
export function scheduleOf(
  { trigger, startAt, endAt }: Pick<Definition, "trigger" | "startAt" | "endAt">,
  text?: string,
): Schedule | undefined {
  if (trigger === undefined) return undefined;
  return text === undefined ? { trigger, startAt, endAt } : { trigger, startAt, endAt, text };
}

/** Compiles a job's trigger, without the fire times before its `startAt` and after its `endAt`; both themselves count. */
export function compileSchedule(
  id: string,
  { trigger, startAt, endAt, text }: Schedule,
  options: CompileOptions,
): CompiledTrigger {
  const compiled = compiledTrigger(id, trigger, options, text);
  if (startAt === undefined && endAt === undefined) return compiled;
  const first = startAt ?? Number.NEGATIVE_INFINITY;
  const last = endAt ?? Number.POSITIVE_INFINITY;
  const within = (time: number | null): number | null =>
    time === null || time < first || time > last ? null : time;
  return {
    trigger: compiled.trigger,
    next: (after) => within(compiled.next(Math.max(after, first - 1))),
    previous: (through) => within(compiled.previous(Math.min(through, last))),
    count: (after, through, limit) =>
      compiled.count(Math.max(after, first - 1), Math.min(through, last), limit),
  };
}

const known = new Map<string, CompiledTrigger>();
const mostKnown = 1000;

/** Triggers that are the same for all jobs are compiled once: the last ones are known by their text. */
function compiledTrigger(
  id: string,
  trigger: Trigger,
  options: CompileOptions,
  written?: string,
): CompiledTrigger {
  if (trigger.type !== "cron" || isOfJob(trigger)) return compileTrigger(trigger, { ...options, jobId: id });
  const text = written ?? JSON.stringify(trigger);
  let compiled = known.get(text);
  if (compiled === undefined) {
    compiled = remembering(compileTrigger(trigger));
    if (known.size >= mostKnown) known.clear();
    known.set(text, compiled);
  }
  return compiled;
}

/** The same trigger, of which the last two answers about the next fire time are known: each holds for all instants up to it. */
function remembering(compiled: CompiledTrigger): CompiledTrigger {
  let [last, before] = [nothingAsked, nothingAsked];
  return {
    trigger: compiled.trigger,
    next: (after) => {
      if (after >= last.after && after < last.found) return last.found;
      if (after >= before.after && after < before.found) return before.found;
      const found = compiled.next(after);
      if (found !== null) [last, before] = [{ after, found }, last];
      return found;
    },
    previous: (through) => compiled.previous(through),
    count: (after, through, limit) => compiled.count(after, through, limit),
  };
}

const nothingAsked = { after: Number.POSITIVE_INFINITY, found: Number.NEGATIVE_INFINITY };

/** Whether a job's interval counts from the end of its runs. */
export function countsFromCompletion({ trigger }: Pick<Schedule, "trigger">): boolean {
  return trigger.type === "every" && trigger.after !== undefined;
}

/** A schedule without any fire time but the one at hand. */
export function none({ trigger }: Pick<Schedule, "trigger">): CompiledTrigger {
  return { trigger, next: () => null, previous: () => null, count: () => ({ count: 0, exact: true }) };
}
