import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Job } from "@escapement/core";
import { cron, every, type Trigger } from "@escapement/triggers";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exportCrontab } from "./crontab-export.js";
import { crontabJobs } from "./crontab-jobs.js";
import type { ExportedJob } from "./crontab-line.js";

const fixtures = join(import.meta.dirname, "../../fixtures/debian");
const options = { file: "crontab", system: false, zone: "Europe/Berlin" };

const imported = (source: string | Uint8Array, system = false): ExportedJob[] =>
  crontabJobs(source, { ...options, system }).jobs as unknown as ExportedJob[];

const byId = (jobs: readonly ExportedJob[]): ExportedJob[] =>
  [...jobs].sort((one, other) => (one.id < other.id ? -1 : 1));

/** What is exported of a crontab's jobs, in whatever order the store gives them, says the same. */
function expectRoundTrip(source: string | Uint8Array, system = false): void {
  const jobs = byId(imported(source, system));
  const { text, refused, exported } = exportCrontab(jobs, system);
  expect(refused).toEqual([]);
  expect([...exported].sort()).toEqual(jobs.map(({ id }) => id));
  // Read in another time zone: the text says which.
  const again = crontabJobs(text, { ...options, system, zone: "Asia/Tokyo" })
    .jobs as unknown as ExportedJob[];
  expect(byId(again)).toEqual(jobs);
}

const job = (changes: Partial<Job>): ExportedJob => ({
  id: "crontab/a",
  task: "shell",
  trigger: cron("0 3 * * *", { timezone: "UTC" }),
  input: { command: "true" },
  ...changes,
});

describe("a crontab that is exported", () => {
  test.each(readdirSync(fixtures))("says the same as the one that was imported: Debian's %s", (name) => {
    expectRoundTrip(readFileSync(join(fixtures, name)), true);
  });

  test("keeps time zones, seconds, variables in quotes, percent signs, standard input and names", () => {
    expectRoundTrip(
      [
        "# name: first/one",
        "17 * * * * plain",
        "@every 90s a",
        "@daily b",
        "CRON_TZ=America/New_York",
        "A = ' kept blanks '",
        "B='\"'",
        "C=",
        "5 4 * * sun  echo 100\\% \\\\a%in%%put%",
        "5 4 * * sun  cat%%",
        "5 4 * * sun  cat%%%",
        "ESCAPEMENT_SECONDS=yes",
        "A=other",
        "*/5 * * * * * echo 'x  y' \\",
        "*/5 * * * * * same",
        "*/5 * * * * * same",
        "CRON_TZ=",
        "ESCAPEMENT_SECONDS=no",
        "0 9 * * * last \\ ",
      ].join("\n"),
    );
  });

  test("says the same, whatever the entries", () => {
    const text = fc.stringMatching(/^[ -~äß🙂]{1,40}$/u);
    const setting = fc.oneof(
      fc
        .tuple(
          fc.constantFrom("A", "B", "PATH", "SHELL"),
          fc.constantFrom("", "1", " 2 ", "'", '"x" y', "$C"),
        )
        .map(([name, value]) => `${name}=${value.includes('"') ? `'${value}'` : `"${value}"`}`),
      fc.constantFrom("CRON_TZ=UTC", "CRON_TZ=Asia/Kolkata", "CRON_TZ=", "@hourly x", "# a comment"),
    );
    const entry = fc
      .tuple(fc.constantFrom("* * * * *", "@weekly", "@every 1500ms", "7 3 L * ?", "H H * * *"), text)
      .map(([schedule, command]) => `${schedule} ${command}`)
      .filter((line) => {
        try {
          return imported(line).length === 1;
        } catch {
          return false; // no command before a %
        }
      });
    fc.assert(
      fc.property(fc.array(fc.oneof(setting, entry), { maxLength: 12 }), (lines) => {
        expectRoundTrip(lines.join("\n"));
      }),
      { numRuns: 300 },
    );
  });

  test.each<[string, Partial<Job>, RegExp]>([
    ["another task", { task: "report" }, /task is report/],
    ["an id that no import gives", { id: "backup" }, /id does not begin with crontab/],
    ["no trigger", { trigger: undefined as never }, /no cron expression: none/],
    [
      "a trigger that is no expression",
      { trigger: { type: "once", at: [1] } as Trigger },
      /no cron expression: once/,
    ],
    [
      "a trigger with more",
      { trigger: cron("0 3 * * *", { timezone: "UTC", gap: "skip" }) },
      /more than an expression/,
    ],
    ["an interval with an anchor", { trigger: every("1h", { phase: "5m" }) }, /more than an expression/],
    ["an input that is none", { input: "true" }, /no command/],
    ["an input with more", { input: { command: "true", cwd: "/tmp" } }, /has "cwd"/],
    ["a user", { input: { command: "true", user: "root" } }, /--system/],
    ["a command of several lines", { input: { command: "a\nb" } }, /no crontab line|cannot be written/],
    ["a backslash before a percent sign", { input: { command: "a \\% b" } }, /cannot be written/],
    ["standard input without an end of line", { input: { command: "a", stdin: "b" } }, /cannot be written/],
    [
      "a variable that cron keeps for itself",
      { input: { command: "a", env: { CRON_TZ: "UTC" } } },
      /cannot be written/,
    ],
    [
      "a value with both quotes",
      { input: { command: "a", env: { A: "\"'" } } },
      /no crontab line|cannot be written/,
    ],
    ["a comment for a name", { id: "crontab/a b" }, /no crontab line/],
  ])("leaves out what it cannot say, and tells why: %s", (_, changes, reason) => {
    const { text, exported, refused } = exportCrontab([job(changes)], false);
    expect(exported).toEqual([]);
    expect(refused).toEqual([{ id: changes.id ?? "crontab/a", reason: expect.stringMatching(reason) }]);
    expect(text).toMatch(/^# not exported: [^\n]+\n$/);
    expect(imported(text)).toEqual([]);
  });

  test("leaves out entries whose variables cannot stand in one file with those of others", () => {
    const jobs = [
      job({ id: "crontab/none" }),
      job({ id: "crontab/x", input: { command: "true", env: { X: "1" } } }),
      job({ id: "crontab/y", input: { command: "true", env: { Y: "1" } } }),
      job({ id: "crontab/both", input: { command: "true", env: { X: "2", Z: "1" } } }),
    ];
    const { text, refused } = exportCrontab(jobs, false);
    expect(refused).toEqual([
      { id: "crontab/y", reason: expect.stringMatching(/set X, which it does not have/) },
    ]);
    expect(byId(imported(text))).toEqual(
      byId(jobs.filter(({ id }) => id !== "crontab/y")).map((one) => ({ ...one, tags: ["crontab:crontab"] })),
    );
  });

  test("goes by UTC where a trigger names no time zone", () => {
    const { text } = exportCrontab([job({ trigger: cron("0 3 * * *") })], false);
    expect(imported(text)[0]?.trigger).toEqual(cron("0 3 * * *", { timezone: "UTC" }));
  });
});
