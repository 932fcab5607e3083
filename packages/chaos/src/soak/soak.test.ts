import { describe, expect, test } from "vitest";
import { judgeTrends } from "./judge-soak.js";
import { runSoak } from "./run-soak.js";
import { quantilesOf, type Sample } from "./sample.js";
import { compareSecond, secondOf, Tally } from "./tally.js";
import { least, median, trendOf } from "./trend.js";

const ids = Array.from(
  { length: 1000 },
  (_, index) => `job-${index}@1795240806${String(index % 1000).padStart(3, "0")}`,
);

function tallyOf(runs: readonly string[]): Tally {
  const tally = new Tally();
  for (const run of runs) tally.add(secondOf(run), run);
  return tally;
}

describe("the tally of a soak", () => {
  const second = "fired 1795240806";
  const compare = (runs: readonly string[]): ReturnType<typeof compareSecond> =>
    compareSecond(second, tallyOf(ids).of(second), tallyOf(runs).of(second), () => ids);

  test("says nothing where each run started once, in any order and counted by several nodes", () => {
    expect(compare([...ids].reverse())).toBeUndefined();
    const [one, other] = [tallyOf(ids.slice(0, 300)), tallyOf(ids.slice(300))];
    one.merge(other.take());
    expect(one.of(second)).toEqual(tallyOf(ids).of(second));
    expect(other.of(second)).toEqual({ count: 0, sum: 0 });
  });

  test("names the run that is missing, and the one that started twice", () => {
    expect(compare(ids.filter((id) => id !== ids[7]))).toMatchObject({
      expected: 1000,
      started: 999,
      run: ids[7],
    });
    expect(compare([...ids, ids[42] ?? ""])).toMatchObject({ expected: 1000, started: 1001, run: ids[42] });
  });

  test("is not deceived by one that is missing and another that started twice", () => {
    const swapped = ids.map((id, index) => (index === 7 ? (ids[8] ?? "") : id));
    expect(compare(swapped)).toMatchObject({ expected: 1000, started: 1000, run: undefined });
  });

  test("knows the second of fire times and of enqueued runs", () => {
    expect(secondOf("job-1@1795240806950")).toBe("fired 1795240806");
    expect(secondOf("s1795240806-12")).toBe("enqueued s1795240806");
  });
});

describe("the trend of a soak", () => {
  const series = (value: (at: number) => number): [number, number][] =>
    Array.from({ length: 240 }, (_, index) => [5 * (index + 1), value(5 * (index + 1))]);

  test("is flat for what piles up and is collected, and for what grew in the first half only", () => {
    expect(
      Math.abs(
        trendOf(
          series((at) => 100 + (at % 60)),
          10,
          least,
        ).growth,
      ),
    ).toBeLessThan(1);
    expect(
      trendOf(
        series((at) => Math.min(at, 300)),
        10,
        least,
      ).growth,
    ).toBe(0);
  });

  test("shows a leak under the piles", () => {
    const { growth } = trendOf(
      series((at) => 100 + (at % 60) + at / 60),
      10,
      least,
    );
    expect(growth).toBeGreaterThan(9);
    expect(growth).toBeLessThan(11);
  });

  test("of lateness is by the median: one good sample of each minute hides nothing", () => {
    const growing = series((at) => (at % 60 === 0 ? 5 : at / 4));
    expect(trendOf(growing, 10, least).growth).toBe(0);
    expect(trendOf(growing, 10, median).growth).toBeGreaterThan(100);
    expect([median([3]), median([9, 1, 2]), median([1, 2, 9, 4])]).toEqual([3, 2, 3]);
    const samples = growing.map(([at, late]): Sample => {
      const lateness = { p50: late, p99: late, max: late };
      return { at, nodes: {}, store: { usedMemory: 1, keys: 1, cpu: 0 }, starts: 1, lateness };
    });
    const failed = judgeTrends(samples).flatMap(({ measure, holds }) => (holds ? [] : [measure]));
    expect(failed).toEqual(["lateness p50", "lateness p99"]);
  });
});

test("quantiles of counted milliseconds", () => {
  const counts = new Map([
    [500, 1],
    [2, 90],
    [7, 9],
  ]);
  expect(quantilesOf(counts)).toEqual({ p50: 2, p99: 500, max: 500 });
  expect(quantilesOf(new Map())).toEqual({ p50: 0, p99: 0, max: 0 });
});

test("a soak of a few seconds counts each run once", async () => {
  const samples: Sample[] = [];
  const report = await runSoak({ duration: 6000, rate: 200, nodes: 2 }, (sample) => samples.push(sample));
  expect(report.mismatches).toEqual([]);
  expect(report.started).toBe(report.expected);
  expect(report.expected).toBeGreaterThan(800);
  expect(samples[0]).toMatchObject({
    nodes: { n1: { rss: expect.any(Number) }, n2: {} },
    store: { keys: expect.any(Number) },
  });
}, 60_000);
