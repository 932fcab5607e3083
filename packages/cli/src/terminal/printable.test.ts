import { describe, expect, test } from "vitest";
import { printable, printableJson, printableLine } from "./printable.js";
import { table } from "./table.js";

const hostile = "a\u001b[31mred\u0007\r\u009b2J\u202egnp\u2028\ud800\u200bz";

describe("what is printed", () => {
  test("holds no control characters but newline and tab", () => {
    expect(printable(`${hostile}\n\tnext`)).toBe(
      "a\\x1b[31mred\\x07\\x0d\\x9b2J\\u202egnp\\u2028\\ud800\\u200bz\n\tnext",
    );
    expect(printableLine("one\n\ttwo")).toBe("one\\n\\ttwo");
  });

  test("as JSON says the same value, and holds none either", () => {
    const text = printableJson({ text: hostile, token: 3n, at: new Date(0), tag: "\u{e0041}" }, 2);
    expect(text).toMatch(/^[\n -~]*$/);
    expect(JSON.parse(text)).toEqual({
      text: hostile,
      token: "3",
      at: "1970-01-01T00:00:00.000Z",
      tag: "\u{e0041}",
    });
  });
});

describe("a table", () => {
  test("fits 80 columns, and cuts what stands last first", () => {
    const id = "crontab/a-name-of-some-length@1795241714000";
    const text = table(["ID", "STATE", "WHY"], [[id, "failed", "because ".repeat(20)]]);
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBe(80);
    expect(text).toContain(id);
    expect(text).toContain("…");
  });

  test("fits 80 columns even if each cell is long", () => {
    const long = "x".repeat(200);
    const text = table(["ID", "A", "B", "C", "D", "E", "F"], [[long, long, long, long, long, long, long]]);
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  test("keeps each row on one line", () => {
    expect(table(["A"], [["one\ntwo\u001b"]]).split("\n")).toEqual(["A", "one\\ntwo\\x1b", ""]);
  });
});
