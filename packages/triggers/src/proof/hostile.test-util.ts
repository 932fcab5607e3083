import { afterAll, afterEach, expect } from "vitest";
import {
  allOf,
  anyOf,
  calendarInterval,
  compileTrigger,
  cron,
  daily,
  dailyWindow,
  describe as describeTrigger,
  every,
  everyRandom,
  except,
  matches,
  monthly,
  nextFireTimes,
  once,
  parseDuration,
  parseTrigger,
  weekly,
} from "../index.js";
import { fuzzRuns, fuzzSeed } from "./fuzz-flag.test-util.js";
import { nameOf, Outcomes, prototypeNames } from "./outcomes.test-util.js";

/** What became of all the hostile inputs of a test file. */
export const outcomes: Outcomes = new Outcomes();

/** How many random inputs each property takes, and from which seed. */
export const runs: { readonly numRuns: number; readonly seed: number } = {
  numRuns: Math.min(fuzzRuns ?? 300, 20_000),
  seed: fuzzSeed,
};

const noon = new Date("2030-01-01T12:00:00Z");

/** After each test: nothing was thrown but `InvalidTriggerError`, and no prototype has changed. After all: the slowest, in a long run. */
export function watchOutcomes(): void {
  const before = prototypeNames();
  afterEach(() => {
    expect(outcomes.takeFaults()).toEqual([]);
    expect(prototypeNames()).toBe(before);
  });
  afterAll(() => {
    if (fuzzRuns === undefined) return;
    const { refused, answered } = outcomes;
    const shown = (ms: number): string => `${ms.toFixed(1).padStart(7)} ms`;
    const slowest = outcomes
      .findSlowest()
      .map(({ first, again, name }) => `${shown(first)} at first, ${shown(again)} again: ${name}`);
    const head = `${refused} hostile calls refused, ${answered} answered; the slowest:`;
    console.log([head, ...slowest.slice(0, 8)].join("\n"));
  });
}

/** Anything in the place of anything: TypeScript would refuse it, JavaScript does not. */
export function hostile(value: unknown): never {
  return value as never;
}

/** All that can be done with what claims to be a trigger. */
export function useTrigger(given: unknown): void {
  const name = nameOf(given);
  const json = hostile(given);
  outcomes.run("parseTrigger", name, () => parseTrigger(json));
  outcomes.run("compileTrigger", name, () => {
    const compiled = compileTrigger(json, { jobId: "job", anchor: noon.getTime() });
    compiled.next(noon.getTime());
  });
  outcomes.run("previous and count", name, () => {
    const compiled = compileTrigger(json, { jobId: "job", anchor: noon.getTime() });
    compiled.previous(noon.getTime());
    compiled.count(noon.getTime(), noon.getTime() + 86_400_000, 100);
  });
  outcomes.run("nextFireTimes", name, () => nextFireTimes(json, { after: noon, count: 3, jobId: "job" }));
  outcomes.run("matches", name, () => matches(json, noon));
  outcomes.run("describe", name, () => describeTrigger(json));
}

/** A text in each place that takes one. */
export function useText(text: string): void {
  const name = nameOf(text);
  for (const dialect of ["vixie", "quartz"] as const) {
    outcomes.run(`cron ${dialect}`, name, () => {
      compileTrigger(cron(text, { dialect, seed: "seed" })).next(noon.getTime());
    });
  }
  outcomes.run("time zone", name, () => cron("0 0 * * *", { timezone: text }));
  outcomes.run("seed", name, () => compileTrigger(cron("H H * * *", { seed: text })).next(0));
  outcomes.run("dialect", name, () => cron("0 0 * * *", { dialect: hostile(text) }));
  outcomes.run("duration", name, () => parseDuration(text));
  outcomes.run("time of day", name, () => daily({ at: text }));
  outcomes.run("weekday", name, () => weekly({ on: hostile(text), at: "09:00" }));
  outcomes.run("instant", name, () => once(text));
  useTrigger({ type: text });
}

/** One value in each place of each builder. */
export function useValue(given: unknown): void {
  const name = nameOf(given);
  const value = hostile(given);
  const at = "09:00";
  const attempts: Record<string, () => unknown> = {
    cron: () => cron(value),
    "cron's options": () => cron("0 0 * * *", value),
    "cron's gap": () => cron("0 0 * * *", { gap: value }),
    every: () => every(value),
    "every's phase": () => every(60_000, { from: value, phase: value }),
    everyRandom: () => everyRandom(value, value),
    daily: () => daily({ every: value, at: value }),
    weekly: () => weekly({ on: value, at }),
    monthly: () => monthly({ on: value, at, from: value }),
    calendarInterval: () => calendarInterval({ days: value, from: value }),
    dailyWindow: () => dailyWindow({ from: value, to: at, every: value }),
    once: () => once(value),
    anyOf: () => anyOf(value),
    "anyOf's list": () => anyOf(value, value),
    allOf: () => allOf(value, { tolerance: value }),
    except: () => except(value, value),
    "except's calendar": () => except({ type: "cron", expr: "0 0 * * *" }, value),
    "the instant": () => nextFireTimes({ type: "cron", expr: "0 0 * * *" }, { after: value, count: 3 }),
    "the count": () => nextFireTimes({ type: "cron", expr: "0 0 * * *" }, { after: noon, count: value }),
    "the options": () => nextFireTimes({ type: "cron", expr: "0 0 * * *" }, value),
    "the job's id": () => compileTrigger({ type: "cron", expr: "H H * * *" }, { jobId: value }),
    "the anchor": () => compileTrigger({ type: "every", interval: 1000 }, { anchor: value }),
    next: () => compileTrigger({ type: "cron", expr: "0 0 * * *" }).next(value),
    previous: () => compileTrigger({ type: "cron", expr: "0 0 * * *" }).previous(value),
    // Fire times of a union are counted one by one.
    limit: () => {
      const triggers = [
        { type: "every", interval: 1000, from: 0 } as const,
        { type: "cron", expr: "@daily" } as const,
      ];
      return compileTrigger({ type: "anyOf", triggers }).count(0, 600_000, value);
    },
    matches: () => matches({ type: "cron", expr: "0 0 * * *" }, value),
    describe: () => describeTrigger({ type: "cron", expr: "0 0 * * *" }, value),
  };
  for (const [where, attempt] of Object.entries(attempts)) outcomes.run(where, name, attempt);
  useTrigger(value);
}
