import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import * as core from "@escapement/core";
import { createScheduler, type Scheduler, type SchedulerOptions } from "@escapement/core";
import { eventually, type RedisServer, startRedis, uniqueNamespace } from "@escapement/testing";
import * as triggers from "@escapement/triggers";
import { every } from "@escapement/triggers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

// docs/semantics.md: each example runs, on a real Redis, and comes to what the page says.
const page = readFileSync(new URL("../../../docs/semantics.md", import.meta.url), "utf8");
const [introduction = "", ...sections] = page.split(/^##+ /m);

interface Example {
  readonly heading: string;
  readonly number: number;
  readonly code: string;
}

const headingOf = (section: string): string => section.split("\n", 1)[0] ?? "";

function examplesOf(section: string): Example[] {
  const heading = headingOf(section);
  const blocks = [...section.matchAll(/```js\n(.*?)\n```/gs)];
  return blocks.map(([, code = ""], index) => ({ heading, number: index + 1, code }));
}

const [start, ...first] = examplesOf(introduction);
const beginning = start?.code ?? "";
const examples = [...first, ...sections.flatMap(examplesOf)];

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis({ appendonly: "always" });
});
afterAll(() => redis.stop());

/** What an example is given in place of what its comments say. */
interface Checks {
  shows(expression: () => Promise<unknown>, text: string): Promise<void>;
  throws(expression: () => Promise<unknown>, code: string): Promise<void>;
}

const checks: Checks = {
  // What is read changes by itself; what does something is asked once.
  shows: async (expression, text) => {
    if (!/\.(get|history|finishedRuns|unfinishedRuns)\(/.test(String(expression)))
      return expect(shown(await expression())).toBe(text);
    return eventually(async () => expect(shown(await expression())).toBe(text), { within: 10_000 });
  },
  throws: async (expression, code) => {
    const thrown: unknown = await expression().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(thrown).toMatchObject({ code });
  },
};

const shown = (value: unknown): string => inspect(value, { breakLength: Number.POSITIVE_INFINITY });

/** The code of an example with its comments made into checks. */
function checked(code: string): string {
  const lines = code.split("\n").map((line) => {
    const loop = /^(for await \(.*\)) (.*); \/\/ → (.*)$/.exec(line);
    if (loop) return `${loop[1]} await shows(async () => (${loop[2]}), ${JSON.stringify(loop[3])});`;
    const [, expression, kind, text] = /^(.*); \/\/ (→|throws) (.*)$/.exec(line) ?? [];
    if (expression === undefined) return line;
    return `await ${kind === "→" ? "shows" : "throws"}(async () => (${expression}), ${JSON.stringify(text)});`;
  });
  return lines.join("\n");
}

/** Runs the page's beginning and an example after it, in a namespace of their own. */
async function run(code: string): Promise<void> {
  const namespace = uniqueNamespace("semantics");
  const opened: Scheduler[] = [];
  const names = {
    ...triggers,
    ...core,
    ...checks,
    createScheduler: (options: SchedulerOptions): Scheduler => {
      const scheduler = createScheduler({ ...options, redis: redis.url, namespace });
      opened.push(scheduler);
      return scheduler;
    },
  };
  const body = `"use strict"; return (async () => {\n${beginning}\n${checked(code)}\n})();`;
  try {
    await (new Function(...Object.keys(names), body)(...Object.values(names)) as Promise<void>);
  } finally {
    await Promise.all(opened.map((scheduler) => scheduler.stop({ timeout: 1 })));
  }
}

describe("docs/semantics.md", () => {
  test.each(examples)("$heading, example $number", ({ code }) => run(code));

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
