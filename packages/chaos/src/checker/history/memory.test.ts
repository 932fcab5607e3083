import { expect, test } from "vitest";
import { MadeUp } from "../../../test/made-up.js";

/** What all data took before and in the end, and of that the keys; a stream of 40 entries is there. */
const broken = (before: number, after: number, ofKeys: number): string[] => {
  const history = new MadeUp()
    .add(-950, { kind: "memory", when: "begun", data: before, keys: 0, ofKeys: 0 })
    .heal(500)
    .store(700, "stopped", { events: { type: "stream", size: 40 } })
    .add(850, { kind: "memory", when: "stopped", data: after, keys: 1, ofKeys });
  return history.broken;
};

test("what stays takes no more than its entries may", () => {
  expect(broken(100_000, 121_000, 21_000)).toEqual([]);
  expect(broken(100_000, 121_001, 21_001)).toEqual(["memory"]);
});

test("the store's data do not grow by more than what its keys take and stands around them", () => {
  expect(broken(100_000, 4_125_000, 20_000)).toEqual([]);
  expect(broken(100_000, 4_125_001, 20_000)).toEqual(["memory"]);
});
