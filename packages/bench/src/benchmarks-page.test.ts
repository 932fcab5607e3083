import { expect, test } from "vitest";
import { benchmarksPage, type StoredWork, withWorks } from "./benchmarks-page.js";

const work = (title: string, ratio: number): StoredWork => ({
  where: {
    ...{ date: "2026-01-02T03:04:05.000Z", node: "v20.0.0", icu: "", timeZoneData: "" },
    machine: { platform: "linux", arch: "x64", cpu: "a processor", cores: 2, memoryGiB: 8 },
    packages: { bullmq: "6.7.0" },
  },
  section: { title, head: ["", "Escapement"], rows: [["a row", "1,000"]], notes: ["A note."] },
  ratios: { [`${title}: a row`]: { ratio, least: ratio, most: ratio } },
});

test("works that are done again take the place of what was stored, the others stay, all in their order", () => {
  const stored = withWorks(undefined, { c: work("c", 1), a: work("a", 1), gone: work("gone", 1) }, [
    "a",
    "c",
  ]);
  const again = withWorks(stored, { b: work("b", 2), c: work("c", 2) }, ["a", "b", "c"]);
  expect(Object.keys(again.works)).toEqual(["a", "b", "c"]);
  expect(Object.entries(again.ratios).map(([name, { ratio }]) => [name, ratio])).toEqual([
    ["a: a row", 1],
    ["b: a row", 2],
    ["c: a row", 2],
  ]);
});

test("the page says when, where and with which versions each work was measured", () => {
  const page = benchmarksPage(withWorks(undefined, { a: work("a", 1) }, ["a"]), [
    { name: "BullMQ", about: "a lock" },
  ]);
  expect(page).toContain("| a row | 1,000 |");
  expect(page).toContain("| BullMQ | a lock |");
  expect(page).toContain(
    "- A note.\n- Measured on 2026-01-02, 2 × a processor, 8 GiB, Node 20.0.0; bullmq 6.7.0.",
  );
});
