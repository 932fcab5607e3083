import { inspect } from "node:util";
import * as core from "@escapement/core";
import { createScheduler, type Scheduler, type SchedulerOptions } from "@escapement/core";
import { eventually, uniqueNamespace } from "@escapement/testing";
import * as triggers from "@escapement/triggers";
import { expect } from "vitest";

/** A block of code in a page of the documentation that runs as a test. */
export interface Example {
  /** Of the section that it stands in. */
  readonly heading: string;
  /** 1, 2, … within the section. */
  readonly number: number;
  readonly code: string;
}

/** A page's text up to its first heading of the second level, and then its sections, each from its heading on. */
export const sectionsOf = (page: string): string[] => page.split(/^##+ /m);

export const headingOf = (section: string): string => section.split("\n", 1)[0] ?? "";

/** The blocks of a section that are marked as `js`; those in other languages are not ours, and are not run. */
export function examplesOf(section: string): Example[] {
  const heading = headingOf(section);
  const blocks = [...section.matchAll(/```js\n(.*?)\n```/gs)];
  return blocks.map(([, code = ""], index) => ({ heading, number: index + 1, code }));
}

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

/** The code of an example with its comments made into checks: `// →` and what it comes to, `// throws` and a code. */
export function checked(code: string): string {
  const lines = code.split("\n").map((line) => {
    const loop = /^(for await \(.*\)) (.*); \/\/ → (.*)$/.exec(line);
    if (loop) return `${loop[1]} await shows(async () => (${loop[2]}), ${JSON.stringify(loop[3])});`;
    const [, expression, kind, text] = /^(.*); \/\/ (→|throws) (.*)$/.exec(line) ?? [];
    if (expression === undefined) return line;
    return `await ${kind === "→" ? "shows" : "throws"}(async () => (${expression}), ${JSON.stringify(text)});`;
  });
  return lines.join("\n");
}

/**
 * Runs an example in a namespace of its own. It finds all that core and triggers export, and no other Redis than this one.
 *
 * @param settings of its schedulers, where they do not say it themselves
 */
export async function runExample(
  code: string,
  redis: string,
  settings: SchedulerOptions = {},
): Promise<void> {
  const namespace = uniqueNamespace("example");
  const opened: Scheduler[] = [];
  const names = {
    ...triggers,
    ...core,
    ...checks,
    createScheduler: (options: SchedulerOptions): Scheduler => {
      const scheduler = createScheduler({ ...settings, ...options, redis, namespace });
      opened.push(scheduler);
      return scheduler;
    },
  };
  const body = `"use strict"; return (async () => {\n${checked(code)}\n})();`;
  try {
    await (new Function(...Object.keys(names), body)(...Object.values(names)) as Promise<void>);
  } finally {
    await Promise.all(opened.map((scheduler) => scheduler.stop({ timeout: 1 })));
  }
}
