import { describe, expect, test } from "vitest";
import { cut, fit, widthOf, wrap } from "./width.js";

describe("the width of a text", () => {
  test("is counted in columns of a terminal", () => {
    expect(widthOf("plain…")).toBe(6);
    expect(widthOf("日本")).toBe(4);
    expect(widthOf("🚧")).toBe(2);
    expect(widthOf("e\u0301")).toBe(1);
  });

  test("a cut text takes no more than it may, and ends between characters", () => {
    expect(cut("🚧🚧🚧", 4)).toBe("🚧…");
    expect(cut("abcd", 4)).toBe("abcd");
    expect(cut("abcde", 4)).toBe("abc…");
    expect(fit("日本語", 5)).toBe("日本…");
    expect(fit("日", 5)).toBe("日   ");
    expect(widthOf(cut("🚧".repeat(50_000), 20))).toBeLessThanOrEqual(20);
  });

  test("lines are broken between words", () => {
    expect(wrap("one two three four", 12, 2)).toBe("one two\n  three four");
    expect(wrap("    at one two", 10, 2)).toBe("    at\n  one two");
    expect(wrap("a-word-that-is-too-long for it", 10, 0)).toBe("a-word-that-is-too-long\nfor it");
  });
});
