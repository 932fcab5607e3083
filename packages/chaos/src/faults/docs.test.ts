import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { faultKinds } from "./index.js";

test("docs/chaos.md describes each kind of fault once, and no others", () => {
  const text = readFileSync(new URL("../../../../docs/chaos.md", import.meta.url), "utf8");
  const rows = text.split("\n").flatMap((line) => /^\| (`[^|]+)\|/.exec(line)?.[1] ?? []);
  const described = rows.flatMap((cell) => [...cell.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name));
  expect(described.sort()).toEqual(faultKinds.map(({ name }) => name).sort());
});
