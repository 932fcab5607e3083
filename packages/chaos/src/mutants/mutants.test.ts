import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { mutants } from "./index.js";
import { type Mutant, mutate } from "./mutant.js";
import { runControl, runMutant } from "./run-mutants.js";
import { quiet } from "./trials/quiet.js";

const packages = fileURLToPath(new URL("../../../", import.meta.url));

/** Scripts are copied as they are: their sources tell more than what was built of them at some time. */
function pathOf(file: string): string {
  return `${packages}${file.endsWith(".lua") ? file.replace("/dist/", "/src/") : file}`;
}

function textOf(file: string): string {
  return readFileSync(pathOf(file), "utf8");
}

function named(name: string): Mutant {
  const mutant = mutants.find((one) => one.name === name);
  if (mutant === undefined) throw new Error(`There is no mutant ${name}`);
  return mutant;
}

describe("every mutant", () => {
  test.each(mutants.map(({ name }) => name))("%s fits the code: what it changes is there once", (name) => {
    const mutant = named(name);
    for (const file of new Set(mutant.changes.map((change) => change.file)))
      expect(mutate(mutant, file, textOf(file))).not.toBe(textOf(file));
  });

  test("has a name of its own, and a rule that may name it", () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
    expect(mutants.filter(({ caughtBy }) => caughtBy.length === 0)).toEqual([]);
  });
});

test("a mutant that does not fit the code any more says which one it is, and where", () => {
  const mutant = named("token-not-rising");
  const file = "core/dist/scripts/claim/take.lua";
  expect(() => mutate(mutant, file, "-- another text")).toThrow(
    /token-not-rising .* 0 times in core\/dist\S*take\.lua/,
  );
  expect(() => mutate(mutant, file, textOf(file).repeat(2))).toThrow(/2 times/);
});

test("breakages of election, claim and recovery are caught, and the same trial holds on unbroken nodes", async () => {
  // At the same time: what a trial takes is mostly waiting.
  const [control, ...reports] = await Promise.all([
    runControl(quiet),
    runMutant(named("lease-not-exclusive")),
    runMutant(named("token-not-rising")),
    runMutant(named("recover-too-early")),
  ]);
  expect(control.broken).toEqual([]);
  expect(reports.filter(({ caught }) => !caught)).toEqual([]);
  expect(reports.map(({ trial }) => trial)).toEqual([quiet.name, quiet.name, quiet.name]);
}, 120_000);
