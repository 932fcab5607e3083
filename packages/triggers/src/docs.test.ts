import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as triggers from "./index.js";
import { cron, matches, nextFireTimes, type Trigger } from "./index.js";

// docs/triggers.md: each example with its sentence and its next five times, and the table of clock changes.
const page = readFileSync(new URL("../../../docs/triggers.md", import.meta.url), "utf8");
const after = new Date("2030-03-28T00:00:00Z");
const seconds = (date: Date): string => date.toISOString().replace(".000Z", "Z");

/** Runs the code of an example, which is one expression, with the package's names in scope. */
function run(code: string): Trigger {
  const names = Object.keys(triggers);
  return new Function(...names, `"use strict"; return (${code});`)(...Object.values(triggers));
}

const examples = [...page.matchAll(/```js\n(.*?)\n```\n\n```text\n(.*?)```/gs)];

describe("docs/triggers.md", () => {
  test.each(examples.map(([, code = "", shown = ""]) => [code, shown] as const))("%s", (code, shown) => {
    const trigger = run(code);
    const times = nextFireTimes(trigger, { after, count: 5, jobId: "report" });
    expect([triggers.describe(trigger), ...times.map(seconds), ""].join("\n")).toBe(shown);
  });

  test("has an example of each type of trigger", () => {
    const types = new Set(examples.map(([, code = ""]) => run(code).type));
    expect(types.size).toBe(12);
  });
});

const rows = [...page.matchAll(/^\| `([^`]+)` \| (?:`([^`]*)`)? ?\| (\S+) \| (\S+) \| (.*?) ?\|$/gm)];

describe("the table of clock changes", () => {
  test.each(
    rows.map(([, expr = "", options = "", timezone = "", day = "", shown = ""]) => ({
      expr,
      options,
      timezone,
      day,
      shown,
    })),
  )("$expr $options in $timezone on $day", ({ expr, options, timezone, day, shown }) => {
    const trigger = run(
      `cron(${JSON.stringify(expr)}, { timezone: ${JSON.stringify(timezone)}, ${options} })`,
    );
    // The local day, by what an expression of each minute fires at.
    const minutes = cron(`* * ${Number(day.slice(8))} ${Number(day.slice(5, 7))} *`, { timezone });
    const noon = new Date(`${day}T12:00:00Z`).getTime();
    const times = nextFireTimes(trigger, {
      after: new Date(noon - 36 * 3_600_000),
      before: new Date(noon + 36 * 3_600_000),
      count: 200,
    }).filter((time) => matches(minutes, time));
    expect(times.map(seconds).join(", ")).toBe(shown);
  });

  test("has 18 rows", () => {
    expect(rows).toHaveLength(18);
  });
});
