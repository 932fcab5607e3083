import { expect, test } from "vitest";
import { distinctExpressions } from "./expressions.js";

test("no two of 100,000 expressions are the same", () => {
  expect(new Set(distinctExpressions(100_000)).size).toBe(100_000);
});
