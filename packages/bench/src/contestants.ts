import { compileTrigger, nextFireTimes, type Trigger } from "@escapement/triggers";
import { CronDate, CronExpressionParser } from "cron-parser";
import { Cron } from "croner";

/** Gives the next fire time after an instant, as whatever it gives it as. */
export interface Ready {
  /** The bare question, in the cheapest way that the contestant has: what is timed. */
  ask(after: Date, ms: number): unknown;
  /** Its answer in ms, or `null`: what is compared. */
  read(answer: unknown): number | null;
}

/** One who can tell the next fire time of a cron expression. */
export interface Contestant {
  readonly name: string;
  /** Makes it ready, once: what it keeps for a job. */
  prepare(expr: string, timezone: string): Ready;
}

const asNumber = (answer: unknown): number | null => (typeof answer === "number" ? answer : null);
const asDate = (answer: unknown): number | null => (answer instanceof Date ? answer.getTime() : null);
const trigger = (expr: string, timezone: string): Trigger => ({ type: "cron", expr, timezone });

/** A compiled trigger, as a scheduler keeps it. */
export const ours: Contestant = {
  name: "escapement",
  prepare: (expr, timezone) => {
    const compiled = compileTrigger(trigger(expr, timezone));
    return { ask: (_, ms) => compiled.next(ms), read: asNumber };
  },
};

/** The public call for previews, which validates and compiles anew each time. */
export const oursByCall: Contestant = {
  name: "nextFireTimes",
  prepare: (expr, timezone) => {
    const given = trigger(expr, timezone);
    return {
      ask: (after) => nextFireTimes(given, { after, count: 1 })[0],
      read: asDate,
    };
  },
};

/** Croner: a job that is never started. For UTC by offset, which is the cheaper way that it has. */
export const croner: Contestant = {
  name: "croner",
  prepare: (expr, timezone) => {
    const zone = timezone === "UTC" ? { utcOffset: 0 } : { timezone };
    const job = new Cron(expr, { ...zone, paused: true });
    return { ask: (after) => job.nextRun(after), read: asDate };
  },
};

/** cron-parser: an expression that is set to the instant. */
export const cronParser: Contestant = {
  name: "cron-parser",
  prepare: (expr, tz) => {
    const parsed = CronExpressionParser.parse(expr, { tz });
    return {
      ask: (after) => {
        parsed.reset(after);
        return parsed.next();
      },
      read: (answer) => (answer instanceof CronDate ? answer.getTime() : null),
    };
  },
};

/** All that are timed against ours. */
export const peers: readonly Contestant[] = [croner, cronParser];
