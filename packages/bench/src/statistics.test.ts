import { expect, test } from "vitest";
import { geometricMean, median } from "./statistics.js";

test("the median is the middle, or between the two in the middle, in whatever order they come", () => {
  expect(median([5])).toBe(5);
  expect(median([9, 1, 5])).toBe(5);
  expect(median([10, 1, 2, 4])).toBe(3);
  expect(() => median([])).toThrow(RangeError);
});

test("the geometric mean of a ratio and its inverse is 1", () => {
  expect(geometricMean([4, 0.25])).toBeCloseTo(1);
  expect(geometricMean([2, 8])).toBeCloseTo(4);
  expect(() => geometricMean([])).toThrow(RangeError);
});
