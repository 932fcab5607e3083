import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type JobStore, startJobStore } from "@escapement/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checked, examplesOf, headingOf, runExample, sectionsOf } from "./page-examples.js";

// docs/coming-from: each example of ours runs and comes to what the page says, and the links lead somewhere.
const folder = new URL("../../../docs/coming-from/", import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, folder), "utf8");
const index = read("README.md");
const pages = readdirSync(folder).filter((file) => file !== "README.md");
const parts = [
  "Words",
  "Options and functions",
  "Side by side",
  "What you will miss",
  "What you need not do any more",
];

let redis: JobStore;
beforeAll(async () => {
  redis = await startJobStore({ appendonly: "always" });
});
afterAll(() => redis.stop());

/** The page's blocks of code: the line before each, and its language. */
const blocksOf = (page: string): (readonly [before: string, language: string])[] =>
  [...page.matchAll(/^([^\n]*)\n\n```([a-z]+)$/gm)].map(([, before = "", language = ""]) => [
    before,
    language,
  ]);

/** Links that lead nowhere: to no file, or to no heading of it. */
function broken(page: string): string[] {
  const links = [...page.matchAll(/\]\(([^)]+)\)/g)].map(([, link = ""]) => link);
  return links.filter((link) => {
    if (/^https?:/.test(link)) return false;
    const [path = "", anchor] = link.split("#");
    if (!existsSync(new URL(path, folder))) return true;
    return anchor !== undefined && !sectionsOf(read(path)).map(headingOf).map(anchorOf).includes(anchor);
  });
}

const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

describe.each(pages)("docs/coming-from/%s", (file) => {
  const page = read(file);
  const examples = sectionsOf(page).flatMap(examplesOf);

  test.each(examples)("$heading, example $number", ({ code }) => runExample(code, redis.url));

  test("has the parts of each such page, and checks something in each example", () => {
    expect(sectionsOf(page).slice(1).map(headingOf)).toEqual(parts);
    expect(examples.length).toBeGreaterThan(0);
    for (const { code } of examples) expect(checked(code)).toMatch(/await (shows|throws)\(/);
  });

  test("says of code of others that it was not run", () => {
    const others = blocksOf(page).filter(([, language]) => language !== "js");
    expect(others.length).toBeGreaterThan(0);
    for (const [before] of others) expect(before).toMatch(/^\S+, not run:$/);
  });

  test("is in the index, with the version that it speaks of", () => {
    const [, version] = new RegExp(`\\]\\(${file}\\) \\| (\\S+) \\|`).exec(index) ?? [];
    expect(page).toMatch(/^What is said of \S+ holds for /m);
    expect(page).toContain(version ?? "no version");
  });
});

test("the links of these pages lead somewhere, and the docs lead to their index", () => {
  expect([index, ...pages.map(read)].flatMap(broken)).toEqual([]);
  expect(broken("[a](../no.md) and [b](../triggers.md#no-such-heading)").length).toBe(2);
  expect(read("../../README.md")).toContain("(docs/coming-from/README.md)");
  expect(read("../semantics.md")).toContain("(coming-from/README.md)");
});
