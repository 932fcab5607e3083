import { expect, test } from "vitest";
import { seededRandom } from "../random.js";
import { faultKinds } from "./index.js";
import { planFaults } from "./plan.js";

const targets = { nodes: ["n1", "n2", "n3"], topology: "voters-3", store: 1, watchers: 0, voters: 3 };
const plan = (seed: number): ReturnType<typeof planFaults> =>
  planFaults(seededRandom(seed), faultKinds, targets, 60_000);

test("a seed always draws the same faults, another one others", () => {
  expect(plan(7)).toEqual(plan(7));
  expect(plan(7)).not.toEqual(plan(8));
  expect(plan(7).length).toBeGreaterThan(15);
});

test("no target has two faults at once", () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const ends = new Map<string, number>();
    for (const { target, at, lasts } of plan(seed)) {
      expect(at).toBeGreaterThanOrEqual(ends.get(target) ?? 0);
      ends.set(target, at + lasts);
    }
  }
});

test("whole numbers of a range include both ends", () => {
  const random = seededRandom(1);
  const drawn = new Set(Array.from({ length: 200 }, () => random.between(1, 3)));
  expect([...drawn].sort()).toEqual([1, 2, 3]);
});
