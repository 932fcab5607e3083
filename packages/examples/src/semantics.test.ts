import { readFileSync } from "node:fs";
import { createScheduler } from "@escapement/core";
import { type JobStore, startJobStore, uniqueNamespace } from "@escapement/testing";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checked, examplesOf, headingOf, runExample, sectionsOf } from "./page-examples.js";

// docs/semantics.md: each example runs, on a real Redis, and comes to what the page says.
const page = readFileSync(new URL("../../../docs/semantics.md", import.meta.url), "utf8");
const [introduction = "", ...sections] = sectionsOf(page);
const [start, ...first] = examplesOf(introduction);
const beginning = start?.code ?? "";
const examples = [...first, ...sections.flatMap(examplesOf)];

let redis: JobStore;
beforeAll(async () => {
  redis = await startJobStore({ appendonly: "always" });
});
afterAll(() => redis.stop());

/** What the page says of one partition: several have no order of runs, also for a limit's places, and the ids of events are places in all of their streams. */
const ofOnePartition: ReadonlySet<string> = new Set([
  "`priority`",
  "`concurrencyKey`, `concurrencyLimit`",
  "`rateLimit`",
  "`limit`, `rateLimit` of a task",
  "events",
]);

/** Runs the page's beginning and an example after it. */
const run = (code: string, heading = ""): Promise<void> =>
  runExample(`${beginning}\n${code}`, redis.url, ofOnePartition.has(heading.trim()) ? { partitions: 1 } : {});

describe("docs/semantics.md", () => {
  test.each(examples)("$heading, example $number", ({ code, heading }) => run(code, heading));

  test("checks something in each example, and notices when it is wrong", async () => {
    for (const { code } of examples) expect(checked(code)).toMatch(/await (shows|throws)\(/);
    await expect(run("1 + 1; // → 3")).rejects.toThrow(/expected '2' to be '3'/);
    await expect(run("await 1; // throws INVALID_OPTION")).rejects.toThrow();
  });

  test("has an entry of each option of a job", async () => {
    await using client = createScheduler({ redis: redis.url, namespace: uniqueNamespace("semantics") });
    const all = { id: "job", trigger: every("1h"), misspelt: 1 };
    const refused: unknown = await client.schedule("report", all).catch((error: unknown) => error);
    const options = /There are: (.*)\./.exec(String(refused))?.[1]?.split(", ") ?? [];
    expect(options.length).toBeGreaterThan(15);
    const headings = sections.map(headingOf).join(" ");
    const missing = options.filter((option) => option !== "task" && !headings.includes(`\`${option}\``));
    expect(missing).toEqual([]);
  });
});
