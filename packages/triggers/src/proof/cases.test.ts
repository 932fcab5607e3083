import { afterAll, describe, expect, it } from "vitest";
import {
  cron,
  daily,
  every,
  InvalidTriggerError,
  matches,
  monthly,
  nextFireTimes,
  type Trigger,
  weekly,
} from "../index.js";
import { type Case, type CaseParams, readCases } from "./cases.test-util.js";

// Cases whose expectation breaks a rule of ours, each with the reason. A case here that passes is a failure as well.
const heldToBeWrong: Readonly<Record<string, string>> = {
  "robfig_spec-025":
    "takes `*/10` with Sun as either: by Vixie's rule a day field that starts with * makes both match",
  "vixie-34":
    "lets a fixed minute and hour go by real time because seconds are given: the time that the gap skips would never fire",
  "vixie-99":
    "lets a fixed minute and hour go by real time because seconds are given: the times that the gap skips would never fire",
  "vixie-157":
    "lets a fixed minute and hour go by real time because seconds are given: 03:30:33 would fire in both passes",
  "gocron_job-020":
    "fires half an hour after the gap's end: a time inside the gap fires at the first valid instant after it (as vixie-dst-ny-0230-spring)",
};

const weekdays = ["SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"];

const cases = readCases();
const score = new Map<string, { passed: number; of: number }>();

function refused(build: () => unknown): boolean {
  try {
    build();
    return false;
  } catch (error) {
    if (error instanceof InvalidTriggerError) return true;
    throw error;
  }
}

function triggerOf({ expr = "", dialect = "vixie", timezone = "UTC" }: Case): Trigger {
  return cron(expr, { dialect, timezone });
}

function calendarTrigger({ type, interval = 1, atTimes = [], tz = "UTC", ...params }: CaseParams): Trigger {
  const options = {
    every: interval,
    at: [...atTimes],
    timezone: tz,
    from: new Date(params.lastRun),
    gap: params.dstPolicy === "skip" ? "skip" : "next-valid",
  } as const;
  if (type === "weekly") {
    const on = (params.weekdays ?? []).map((weekday) => weekdays.indexOf(weekday));
    return weekly({ ...options, on, weekStart: 0 });
  }
  return type === "monthly" ? monthly({ ...options, on: [...(params.daysOfMonth ?? [])] }) : daily(options);
}

function list(trigger: Trigger, after: number, count: number): string[] {
  return nextFireTimes(trigger, { after: new Date(after), count }).map((time) => time.toISOString());
}

/** Fails an expectation if the case does not hold. */
function check(row: Case): void {
  const { kind, expected = [], params, at = [], nth, exhausted = false } = row;
  if (kind === "invalid" || kind === "valid") {
    expect(refused(() => triggerOf(row))).toBe(kind === "invalid");
  } else if (kind === "matches") {
    expect(at.map((instant) => matches(triggerOf(row), new Date(instant)))).toEqual(expected);
  } else if (params !== undefined) {
    const trigger =
      kind === "interval"
        ? every(params.intervalMs ?? 0, { from: new Date(params.lastRun) })
        : calendarTrigger(params);
    expect(list(trigger, Date.parse(params.lastRun), expected.length)).toEqual(expected);
  } else {
    if (expected.length === 0 && refused(() => triggerOf(row))) return;
    const after = Date.parse(row.after ?? "") - (row.inclusive ? 1 : 0);
    // The expected ones; beyond them only if nothing may follow.
    const count = typeof nth === "number" ? Math.max(nth, 1) : expected.length;
    const times = list(triggerOf(row), after, exhausted || expected.length === 0 ? count + 1 : count);
    expect(typeof nth === "number" && expected.length > 0 ? times.slice(nth - 1) : times).toEqual(expected);
  }
}

describe("facts from the tests of other schedulers", () => {
  for (const row of cases) {
    const name = `${row.id}: ${row.expr ?? JSON.stringify(row.params)} (${row.kind})`;
    const group = [row.kind, row.dialect].filter(Boolean).join(", ");
    const reason = heldToBeWrong[row.id];
    it(reason === undefined ? name : `${name} is not what we do: ${reason}`, () => {
      const counted = score.get(group) ?? { passed: 0, of: 0 };
      score.set(group, counted);
      counted.of += 1;
      if (reason !== undefined) {
        expect(() => check(row)).toThrow(/^expected/);
        return;
      }
      check(row);
      counted.passed += 1;
    });
  }

  it("are all there, and at most five of them are held to be wrong", () => {
    expect(cases).toHaveLength(340);
    expect(new Set(cases.map(({ id }) => id)).size).toBe(340);
    const wrong = Object.keys(heldToBeWrong);
    expect(wrong.length).toBeLessThanOrEqual(5);
    expect(cases.filter(({ id }) => wrong.includes(id))).toHaveLength(wrong.length);
  });

  afterAll(() => {
    const rows = [...score].map(([group, { passed, of }]) => `${`${passed}/${of}`.padStart(9)}  ${group}`);
    const [passed, of] = [...score.values()].reduce(
      ([sum, all], row) => [sum + row.passed, all + row.of],
      [0, 0],
    );
    console.log([...rows.sort(), `${`${passed}/${of}`.padStart(9)}  of all`].join("\n"));
  });
});
