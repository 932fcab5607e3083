import { expect, test } from "vitest";
import * as scripts from "./index.js";

test("no script that writes can be broken off half-way while its slot is being moved", () => {
  const makeNames = Object.values(scripts).flatMap(({ name, source }) => {
    const [top = ""] = source.split("local list");
    return top.includes("prefix = ARGV") && !top.includes("flags=no-writes") ? [{ name, top }] : [];
  });
  expect(makeNames.length).toBeGreaterThan(15);
  const unguarded = makeNames.filter(({ top }) => !top.includes("wake = KEYS"));
  expect(unguarded.map(({ name }) => name)).toEqual([]);
});
