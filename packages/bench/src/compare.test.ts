import { expect, test } from "vitest";
import { compareRatios, readRatios } from "./compare.js";

const ratio = (ratio: number) => ({ ratio, least: ratio * 0.9, most: ratio * 1.1 });

test("a ratio has fallen once it is further below the stored one than the tolerance", () => {
  const stored = { steady: ratio(4), fell: ratio(4), rose: ratio(4) };
  const now = { steady: ratio(3), fell: ratio(2.99), rose: ratio(9) };
  const { fallen, lines } = compareRatios(stored, now, 0.25);
  expect(fallen).toEqual(["fell"]);
  expect(lines.filter((line) => line.includes("FALLEN"))).toEqual([expect.stringMatching(/^fell .*-25%/)]);
  expect(lines.at(-1)).toContain("1 of 3 ratios");
});

test("what only one of the two reports has is not compared", () => {
  const { fallen, lines, compared } = compareRatios({ left: ratio(4) }, { added: ratio(1) }, 0.25);
  expect([fallen, compared]).toEqual([[], 0]);
  expect(lines).toContain("1 ratios have no stored one");
  expect(lines).toContain("1 stored ratios were not measured");
});

test("a ratio that is no number has fallen", () => {
  expect(compareRatios({ broken: ratio(4) }, { broken: ratio(Number.NaN) }, 0.25).fallen).toEqual(["broken"]);
});

test("a stored report is read for its ratios, and refused where it has none", () => {
  const ratios = { "no-op: concurrency 1": ratio(2) };
  expect(readRatios(JSON.stringify({ quick: false, ratios }))).toEqual(ratios);
  expect(() => readRatios("{}")).toThrow(/no ratios/);
  expect(() => readRatios('{"ratios":{"x":{"ratio":"2"}}}')).toThrow(/“x”/);
});
