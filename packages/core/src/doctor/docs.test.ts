import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

// docs/operating.md: every finding and every reason has its row.

const read = (path: string): string => readFileSync(join(import.meta.dirname, path), "utf8");
const page = read("../../../../docs/operating.md");
const matches = (text: string, pattern: RegExp): string[] => [
  ...new Set([...text.matchAll(pattern)].map(([, found]) => found ?? "")),
];
const rows = (heading: string): string[] =>
  matches(page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "", /^\| `([^`/]+)` \|/gm).sort();

test("docs/operating.md has a row for each of the doctor's checks, and no other", () => {
  const sources = [
    ...readdirSync(import.meta.dirname)
      .filter((file) => /^[a-z]+\.ts$/.test(file))
      .map(read),
    ...["checks", "encryption", "reach"].map((file) => read(`../../../redis/src/${file}.ts`)),
  ].join("\n");
  const checks = matches(sources, /(?:about\(|check: |problem\()"([a-z ]+)"(?=[),])/g);
  const levels = ["ok", "warning", "error"];
  expect(rows("Doctor")).toEqual(checks.filter((check) => !levels.includes(check)).sort());
});

test("docs/operating.md has a row for each reason that health() can give, and no other", () => {
  const codes = matches(read("../health.ts"), /^ {2}\| "([A-Z_]+)"/gm);
  expect(codes.length).toBeGreaterThan(5);
  expect(rows("Health")).toEqual(codes.sort());
});
