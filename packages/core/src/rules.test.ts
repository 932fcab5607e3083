// Every section of docs/semantics.md has tests that begin with its name; test/rules/ says which.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { rules } from "../test/rules/index.js";
import type { Rule } from "../test/rules/rule.js";
import { type Title, testTitles } from "../test/test-titles.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const core = testTitles(`${root}packages/core/src`);
const chaos = testTitles(`${root}packages/chaos/src`);
/** Sections whose parts have headings of their own, or that hold no rule. */
const none = [
  "Options of a job",
  "Options of an enqueued run",
  "Options of a task",
  "Operations",
  "What is not there yet",
];

const page = readFileSync(`${root}docs/semantics.md`, "utf8");
const headings = [...page.matchAll(/^###? (.+)$/gm)].map(([, heading = ""]) => heading);
const nameOf = ({ section, named }: Rule): string => section ?? (named ?? []).join();
const namesOf = ({ section = "", named }: Rule): readonly string[] =>
  named ?? section.replaceAll("`", "").toLowerCase().split(", ");

/** The tests whose titles begin so. */
const begin = (titles: readonly Title[], start: string): Title[] =>
  titles.filter(({ title }) => title.startsWith(start));
const runsSeveral = ({ file }: Title): boolean =>
  (
    readFileSync(`${root}packages/core/src/${file}`, "utf8").match(/scheduler\(|team\(|createScheduler\(/g) ??
    []
  ).length > 1;

test("each section of the page has a rule here, and each rule a section", () => {
  const sections = rules.flatMap(({ section }) => section ?? []);
  expect(sections).toEqual(headings.filter((heading) => !none.includes(heading)));
});

describe("the tests of a rule are there, and begin with its name", () => {
  test.each(rules.map((rule) => [nameOf(rule), rule] as const))("%s", (_, rule) => {
    const { tests, cluster = [], killed = [] } = rule;
    const missing = [
      ...[...tests, ...cluster].filter((start) => begin(core, start).length === 0),
      ...cluster.filter((start) => !begin(core, start).some(runsSeveral)),
      ...killed.filter((start) => begin(chaos, start).length === 0),
    ];
    expect(missing, "no test begins so").toEqual([]);
    expect(tests.length + cluster.length).toBeGreaterThan(0);
    const named = (start: string): boolean =>
      namesOf(rule).some((name) =>
        start
          .split(": ")[0]
          ?.split(", ")
          .some((part) => part.toLowerCase().startsWith(name.toLowerCase())),
      );
    expect(
      [...tests, ...cluster].filter((start) => !named(start)),
      "begins otherwise",
    ).toEqual([]);
  });
});
