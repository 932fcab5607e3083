import { isBuiltin } from "node:module";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";
import { rolldown } from "rolldown";
import { beforeAll, describe, expect, it } from "vitest";
import { nextFireTimes, parseTrigger, type Trigger } from "../index.js";

interface Bundle {
  readonly code: string;
  /** What the bundle would import at run time. */
  readonly imports: readonly string[];
  readonly modules: readonly string[];
  readonly warnings: readonly string[];
}

async function bundleForBrowser(input: string): Promise<Bundle> {
  const warnings: string[] = [];
  const build = await rolldown({
    input,
    platform: "browser",
    onLog: (level, { message }) => {
      if (level === "warn") warnings.push(message);
    },
  });
  const { output } = await build.generate({ format: "iife", name: "triggers" });
  await build.close();
  const [chunk, ...others] = output;
  expect(others).toEqual([]);
  return { code: chunk.code, imports: chunk.imports, modules: Object.keys(chunk.modules), warnings };
}

/** The bundle run where there is nothing but ECMAScript: no process, no require, no Buffer, no fetch, no timers. */
function runBare(code: string): (call: string) => unknown {
  const context = createContext(Object.create(null), { codeGeneration: { strings: false, wasm: false } });
  for (const name of [
    "process",
    "require",
    "Buffer",
    "fetch",
    "setTimeout",
    "performance",
    "URL",
    "window",
  ]) {
    expect(runInContext(`typeof ${name}`, context), name).toBe("undefined");
  }
  runInContext(code, context);
  return (call) => JSON.parse(String(runInContext(`JSON.stringify(${call})`, context)));
}

const after = "2026-03-28T11:59:00.000Z";
const triggers: readonly Trigger[] = (
  [
    { type: "cron", expr: "30 2 * * *", timezone: "Europe/Berlin" },
    { type: "cron", expr: "*/20 1-3 * * 0", timezone: "Australia/Lord_Howe", gap: "skip", overlap: "both" },
    { type: "cron", expr: "H H * * MON#2", seed: "job" },
    { type: "cron", expr: "0 15 10 L-3W * ? 2026-2030", dialect: "quartz", timezone: "+05:30" },
    { type: "every", interval: 90_000, from: 7 },
    { type: "everyRandom", min: 1000, max: 60_000 },
    { type: "daily", every: 3, at: ["02:30"], from: "2026-01-01", timezone: "America/Sao_Paulo" },
    { type: "monthly", on: [-1], at: ["23:59:59.999"] },
    { type: "once", at: [Date.parse("2026-04-01"), Date.parse("2027-04-01")] },
    {
      type: "except",
      trigger: {
        type: "anyOf",
        triggers: [
          { type: "cron", expr: "@daily" },
          { type: "cron", expr: "0 12 * * *" },
        ],
      },
      calendar: { type: "weekdays", days: [0, 6] },
    },
  ] as const
).map((json) => parseTrigger(json));

describe("the package in a browser", () => {
  let bundle: Bundle;
  beforeAll(async () => {
    bundle = await bundleForBrowser(join(import.meta.dirname, "../index.ts"));
  });

  it("bundles without a word from the bundler, and nothing of Node is left in it", () => {
    expect(bundle.warnings).toEqual([]);
    expect(bundle.imports).toEqual([]);
    expect(
      bundle.modules.filter((id) => isBuiltin(id) || /__browser-external|browser-external/.test(id)),
    ).toEqual([]);
    expect(bundle.code).not.toMatch(/["']node:/);
    expect(bundle.code).not.toMatch(/\brequire\(\s*["']/);
    expect(bundle.code).not.toMatch(/\b(?:process|Buffer|__dirname|globalThis\.process)\b\s*[.[(]/);
  });

  it("gives the same fire times with nothing but ECMAScript around it", () => {
    const bare = runBare(bundle.code);
    for (const trigger of triggers) {
      const json = JSON.stringify(trigger);
      const there = bare(
        `triggers.nextFireTimes(${json}, { after: new Date("${after}"), count: 50, jobId: "job" })`,
      );
      const here = nextFireTimes(trigger, { after: new Date(after), count: 50, jobId: "job" });
      expect(there, json).toEqual(here.map((time) => time.toISOString()));
      expect(here.length).toBeGreaterThan(0);
    }
  });

  it("refuses there what it refuses here", () => {
    const bare = runBare(bundle.code);
    const call =
      '(() => { try { triggers.cron("61 * * * *"); } catch (error) { return [error.name, error.code, error.field]; } })()';
    expect(bare(call)).toEqual(["InvalidTriggerError", "INVALID_FIELD", "minute"]);
  });
});
