import { expect, test } from "vitest";
import { uniqueNamespace } from "./index.js";

test("namespaces are all different and fit the rule for names", () => {
  const names = Array.from({ length: 200 }, () => uniqueNamespace("billing/eu"));
  expect(new Set(names).size).toBe(200);
  for (const name of [...names, uniqueNamespace(), uniqueNamespace("x".repeat(100))]) {
    expect(name).toMatch(/^[A-Za-z0-9_.:/-]{1,128}$/);
  }
});

test.each(["{x}", "", "a b", "*", "x".repeat(101)])("the prefix %j is refused", (prefix) => {
  expect(() => uniqueNamespace(prefix)).toThrow(expect.objectContaining({ code: "INVALID" }));
});
