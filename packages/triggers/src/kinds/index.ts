import type { FireTimes } from "../compiled-trigger.js";
import type { Trigger } from "../trigger.js";
import { allOfKind } from "./all-of.js";
import { anyOfKind } from "./any-of.js";
import { calendarIntervalKind } from "./calendar-interval.js";
import { cronKind } from "./cron.js";
import { dailyKind } from "./daily.js";
import { dailyWindowKind } from "./daily-window.js";
import { everyKind } from "./every.js";
import { everyRandomKind } from "./every-random.js";
import { exceptKind } from "./except.js";
import type { JobContext, Kind } from "./kind.js";
import { monthlyKind } from "./monthly.js";
import { onceKind } from "./once.js";
import { weeklyKind } from "./weekly.js";

/** Each type of trigger. */
export const kinds: {
  readonly [Type in Trigger["type"]]: Kind<Extract<Trigger, { type: Type }>, Trigger>;
} = {
  cron: cronKind,
  every: everyKind,
  everyRandom: everyRandomKind,
  daily: dailyKind,
  weekly: weeklyKind,
  monthly: monthlyKind,
  calendarInterval: calendarIntervalKind,
  dailyWindow: dailyWindowKind,
  once: onceKind,
  anyOf: anyOfKind,
  allOf: allOfKind,
  except: exceptKind,
};

/** Makes a trigger in canonical form ready to compute with, and those within it. */
export function compileFireTimes(trigger: Trigger, context: JobContext): FireTimes {
  // A fire time of the whole need not be one of what stands within it.
  const nested = (inner: Trigger): FireTimes => compileFireTimes(inner, { ...context, fireTime: undefined });
  switch (trigger.type) {
    case "cron":
      return kinds.cron.compile(trigger, context, nested);
    case "every":
      return kinds.every.compile(trigger, context, nested);
    case "everyRandom":
      return kinds.everyRandom.compile(trigger, context, nested);
    case "daily":
      return kinds.daily.compile(trigger, context, nested);
    case "weekly":
      return kinds.weekly.compile(trigger, context, nested);
    case "monthly":
      return kinds.monthly.compile(trigger, context, nested);
    case "calendarInterval":
      return kinds.calendarInterval.compile(trigger, context, nested);
    case "dailyWindow":
      return kinds.dailyWindow.compile(trigger, context, nested);
    case "once":
      return kinds.once.compile(trigger, context, nested);
    case "anyOf":
      return kinds.anyOf.compile(trigger, context, nested);
    case "allOf":
      return kinds.allOf.compile(trigger, context, nested);
    case "except":
      return kinds.except.compile(trigger, context, nested);
  }
}
