import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fitsPattern } from "./id-pattern.js";

describe("patterns for ids", () => {
  test("fit what a regular expression of the same meaning fits", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "/", "."), maxLength: 8 });
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", "/", ".", "*", "?"), maxLength: 8 });
    fc.assert(
      fc.property(text, pattern, (id, glob) => {
        const body = glob.replaceAll(".", "\\.").replaceAll("*", ".*").replaceAll("?", ".");
        expect(fitsPattern(id, glob), `${id} ${glob}`).toBe(new RegExp(`^${body}$`).test(id));
      }),
      { numRuns: 2000 },
    );
  });

  test("many stars take no time to speak of: each character is looked at a bounded number of times", () => {
    expect(fitsPattern("a".repeat(128), `${"*a".repeat(63)}*b`)).toBe(false);
  });
});
