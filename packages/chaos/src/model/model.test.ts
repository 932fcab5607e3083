// A short exploration; `npm run model` explores further. What is broken on purpose must be found, or the model proves nothing.
import { describe, expect, test } from "vitest";
import { type Config, configs, worldOf } from "./config.js";
import { encode } from "./encode.js";
import { explore } from "./explore.js";
import { firstState } from "./first-state.js";
import { breakages, type Mutant } from "./mutants.js";
import type { Line, Request } from "./requests.js";
import { copy, type State } from "./state.js";
import { stepsFrom } from "./steps.js";

function configOf(name: string, change: Partial<Config> = {}): Config {
  const config = configs.find((one) => one.name === name);
  if (config === undefined) throw new Error(`There is no configuration ${name}.`);
  return { ...config, ...change };
}

const bounds = { depth: 1000, states: 50_000 };

describe("in every state that can be reached all invariants hold, and from every one all can end", () => {
  test.each([
    ["work", 0],
    ["faults", 1],
    ["limit", 0],
    ["overlap", 0],
    ["lines-alone", 1],
    ["lines-faults", 1],
  ])("%s, with %i requests that arrive late", (name, faults) => {
    const found = explore(worldOf(configOf(name, { faults, kinds: ["late"] })), bounds);
    expect(found.wrong).toBeUndefined();
    expect(found).toMatchObject({ exhausted: true, canEnd: found.states });
    expect(found.states).toBeGreaterThan(20);
    expect(found.terminal).toBeGreaterThan(0);
  });
});

describe("what is broken on purpose is found", () => {
  const quick: readonly Mutant[] = [
    "catch-up-skipped",
    "lease-not-exclusive",
    "recover-too-early",
    "token-not-rising",
    "attempt-not-counted",
    "limit-not-counted",
    "overlap-not-checked",
    "pause-not-read",
    "stale-run-not-dropped",
    "late-reconcile-applied",
    "lock-without-fire-time",
    "token-not-by-clock",
    "lines-share-last-number",
    "lines-count-apart",
    "reconcile-reads-one-line",
    "reconcile-beside-a-request",
  ];
  test.each(quick)("%s", (mutant) => {
    const { config, faults, shows, change } =
      breakages.find(({ mutants }) => mutants.length === 1 && mutants[0] === mutant) ??
      breakages[0] ??
      expect.fail();
    const { wrong } = explore(worldOf(configOf(config, { ...change, faults }), [mutant]), bounds);
    expect(wrong?.what).toContain(shows);
    expect(wrong?.story.length).toBeGreaterThan(2);
  });
});

test("states that differ in which line of a node is the first are one, and others are not", () => {
  const world = worldOf(configOf("lines"));
  const state = firstState(world);
  const asked = (...lines: readonly Line[]): string => {
    const next = copy(state);
    for (const [at, line] of lines.entries()) {
      const request: Request = { kind: "claim", line, number: at + 1, slots: 1, completions: [] };
      next.network.push({ what: "request", from: "B1", request, age: 0, orphan: true });
    }
    return encode(world, next);
  };
  expect(asked(2, 1)).toBe(asked(1, 2));
  expect(asked(2, 2)).toBe(asked(1, 1));
  expect(new Set([asked(1), asked(1, 2), asked(1, 1)]).size).toBe(3);
});

test("states that differ in the names of processes only are one, and others are not", () => {
  const world = worldOf(configOf("work", { settled: false }));
  const texts = (state: State): string[] =>
    [...stepsFrom(world, state)].map(({ next }) => encode(world, next));
  const first = firstState(world);
  const crashes = [...stepsFrom(world, first)].filter(({ says }) => says.includes("crashes"));
  expect(crashes).toHaveLength(2);
  expect(new Set(crashes.map(({ next }) => encode(world, next))).size).toBe(1);
  expect(new Set(texts(first)).size).toBeGreaterThan(2);
});
