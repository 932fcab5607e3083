import { expect, test } from "vitest";
import { seededRandom } from "../random.js";
import { faultKinds, kindsToDraw } from "./index.js";
import { isInCalm, planFaults } from "./plan.js";

const targets = { nodes: ["n1", "n2", "n3"], topology: "voters-3", store: 1, watchers: 0, voters: 3 };
const plan = (seed: number): ReturnType<typeof planFaults> =>
  planFaults(seededRandom(seed), kindsToDraw(undefined), targets, 60_000);

test("a seed always draws the same faults, another one others", () => {
  expect(plan(7)).toEqual(plan(7));
  expect(plan(7)).not.toEqual(plan(8));
  expect(plan(7).length).toBeGreaterThan(15);
});

test("longer trials have calm in which nothing befalls anything, short ones none", () => {
  const calms = [16_000, 56_000];
  for (let seed = 1; seed <= 50; seed += 1)
    for (const { at, lasts } of plan(seed))
      for (const calm of calms) expect(at >= calm + 8000 || at + lasts <= calm).toBe(true);
  expect([isInCalm(0, 15_999), isInCalm(0, 60_000), isInCalm(24_000, 56_000)]).toEqual([false, true, false]);
  expect([isInCalm(23_999, 24_001), isInCalm(50_000, 56_001), isInCalm(100_000, 103_000)]).toEqual([
    true,
    true,
    true,
  ]);
  const short = planFaults(seededRandom(3), kindsToDraw(undefined), targets, 20_000);
  expect(short.some(({ at, lasts }) => isInCalm(at, at + lasts))).toBe(true);
});

test("no target has two faults at once", () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const ends = new Map<string, number>();
    for (const { target, others = [], at, lasts } of plan(seed))
      for (const name of [target, ...others]) {
        expect(at).toBeGreaterThanOrEqual(ends.get(name) ?? 0);
        ends.set(name, at + lasts);
      }
  }
});

test("what befalls all nodes befalls each of them", () => {
  const all = plan(1).concat(...Array.from({ length: 30 }, (_, seed) => plan(seed + 2)));
  const kinds = new Set(
    all
      .filter(({ others = [] }) => targets.nodes.every((name) => others.includes(name)))
      .map(({ kind }) => kind.name),
  );
  expect([...kinds].sort()).toEqual(["all-kill", "rolling-restart"]);
});

test("without names all kinds are drawn, where their topology has what they befall; with names these alone", () => {
  const drawn = (topology: string): Set<string> =>
    new Set(
      Array.from({ length: 40 }, (_, seed) =>
        planFaults(seededRandom(seed), kindsToDraw(undefined), { ...targets, topology }, 60_000),
      ).flatMap((planned) => planned.map(({ kind }) => kind.name)),
    );
  expect([...drawn("clock")]).toEqual(expect.arrayContaining(["redis-clock-ahead", "redis-clock-back"]));
  expect([...drawn("voters-3")].filter((name) => name.startsWith("redis-clock"))).toEqual([]);
  expect(kindsToDraw(["cut", "redis-kill"]).map(({ name }) => name)).toEqual(["cut", "redis-kill"]);
});

test("faults that cannot happen there are refused, rather than none happening", () => {
  const draw = (): unknown => planFaults(seededRandom(1), kindsToDraw(["failover"]), targets, 60_000);
  expect(draw).toThrow("none of these faults can happen: failover");
});

test("each kind has a name of its own", () => {
  expect(new Set(faultKinds.map(({ name }) => name)).size).toBe(faultKinds.length);
});

test("whole numbers of a range include both ends", () => {
  const random = seededRandom(1);
  const drawn = new Set(Array.from({ length: 200 }, () => random.between(1, 3)));
  expect([...drawn].sort()).toEqual([1, 2, 3]);
});
