import { expect, test } from "vitest";
import { inTurn } from "./ties.js";

test("of jobs that are defined together those that depend on others of them are written first, by dependsOn and by then", () => {
  const jobs = [
    { id: "root", then: ["left", "elsewhere"] },
    { id: "left" },
    { id: "right", dependsOn: ["root", "unknown"] },
    { id: "last", dependsOn: ["left", "right"] },
    { id: "alone" },
  ];
  expect(inTurn(jobs)).toEqual([new Set(["last", "alone"]), new Set(["left", "right"]), new Set(["root"])]);
  const [first, second] = [{ id: "first", then: ["second"] }, { id: "second" }];
  expect(inTurn([first, second])).toEqual([new Set(["second"]), new Set(["first"])]);
  expect(inTurn([])).toEqual([new Set()]);
});
