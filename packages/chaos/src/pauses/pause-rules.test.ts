import { describe, expect, test } from "vitest";
import type { Evidence, Fact } from "../evidence/evidence.js";
import { judgePauses, leftAlone, type Pausable } from "./pause-rules.js";
import { pauseSpans, periodsOf } from "./pause-spans.js";

const day = 1_000_000_000_000;
const job: Pausable = { id: "job", task: "tick", queue: "mail", tags: ["emea"], beside: true };
let acts = 0;

/** Evidence `ms` after the beginning, by both clocks. */
function line(ms: number, fact: Fact, node = "n1"): Evidence {
  return { node, mono: ms, at: day + ms, ...fact };
}

function set(ms: number, pause: string, ttl?: number): Evidence[] {
  acts += 1;
  const does = ttl === undefined ? ({ set: true } as const) : ({ set: true, ttl } as const);
  return [
    line(ms - 5, { kind: "asked", act: acts, pause, does }),
    line(ms, { kind: "acknowledged", act: acts }),
  ];
}

function del(ms: number, pause: string): Evidence[] {
  acts += 1;
  return [
    line(ms - 5, { kind: "asked", act: acts, pause, does: { set: false } }),
    line(ms, { kind: "acknowledged", act: acts }),
  ];
}

/** A run, due at one moment, claimed and begun at others. */
function run(due: number, claimed: number, begun: number = claimed, id = "job", node = "n1"): Evidence[] {
  const fact = { run: `${id}@${day + due}`, attempt: 1, token: `${due}` };
  return [
    line(claimed, { kind: "claimed", ...fact, claimedAt: day + claimed }, node),
    line(begun, { kind: "start", ...fact, scheduledAt: day + due }, node),
    line(begun + 1, { kind: "accepted", ...fact, outcome: "succeeded" }, node),
  ];
}

const up = line(0, { kind: "up", id: "id-1" });
const judged = (...evidence: Evidence[]): ReturnType<typeof judgePauses> => judgePauses(evidence, [job]);

describe("a claim while there is a pause is found, whatever the pause names of the job", () => {
  test.each(["all", "job:job", "tag:emea", "queue:mail", "task:tick", "node:id-1"])("%s", (name) => {
    const { claimed, started } = judged(up, ...set(100, name), ...run(250, 250), ...del(500, name));
    expect(claimed).toEqual([{ what: `job@${day + 250}#1`, pause: name, ms: 150 }]);
    expect(started).toHaveLength(1);
  });

  test.each(["job:other", "tag:apac", "queue:default", "task:long", "node:id-2"])("not %s", (name) => {
    const { claimed, started } = judged(up, ...set(100, name), ...run(250, 250), ...del(500, name));
    expect([claimed, started]).toEqual([[], []]);
  });
});

test("what was claimed before the pause and begins after it is told, with how long after", () => {
  const { claimed, started } = judged(...set(100, "all"), ...run(90, 95, 140));
  expect(claimed).toEqual([]);
  expect(started).toEqual([{ what: `job@${day + 90}#1`, pause: "all", ms: 40 }]);
});

test("a claim before the acknowledgement, or after the end was asked for, is allowed", () => {
  const { claimed } = judged(...set(100, "all"), ...del(500, "all"), ...run(90, 99), ...run(450, 496));
  expect(claimed).toEqual([]);
});

test("a pause ends with its time to live, or with the DEL if that comes before", () => {
  const [first, second] = pauseSpans([
    ...set(100, "all", 300),
    ...set(1000, "all", 300),
    ...del(1100, "all"),
  ]);
  expect([first?.sure.mono, first?.over.mono, first?.expired]).toEqual([395, 400, true]);
  expect([second?.sure.mono, second?.over.mono, second?.expired]).toEqual([1095, 1100, false]);
});

test("a key that is set anew is one pause, with the later end", () => {
  const [only, ...others] = pauseSpans([...set(100, "all", 300), ...set(200, "all"), ...del(900, "all")]);
  expect([only?.from.mono, only?.over.mono, others]).toEqual([100, 900, []]);
});

test("a command that nobody acknowledged pauses nothing for sure", () => {
  expect(pauseSpans(set(100, "all").slice(0, 1))).toEqual([]);
});

test("pauses of the same job that overlap are one period, until none is left", () => {
  const spans = pauseSpans([
    ...set(100, "job:job"),
    ...set(200, "tag:emea"),
    ...del(300, "job:job"),
    ...del(900, "tag:emea"),
    ...set(950, "all", 100),
  ]);
  expect(periodsOf(spans).map(({ from, over }) => [from.mono, over.mono])).toEqual([
    [100, 900],
    [950, 1050],
  ]);
});

describe("what was held back", () => {
  test("goes on so long after the last of its pauses", () => {
    const { wentOn } = judged(
      ...set(100, "job:job"),
      ...set(200, "tag:emea"),
      ...del(300, "job:job"),
      ...del(900, "tag:emea"),
      ...run(250, 1300),
      ...run(1350, 1350),
    );
    expect(wentOn.map(({ what, pause, ms }) => [what, pause, ms])).toEqual([
      [`job@${day + 250}`, "tag:emea", 400],
    ]);
  });

  test("is not waited for where it is paused again at once; where it is later, it is late", () => {
    const evidence = [...set(100, "all"), ...del(500, "all"), ...run(250, 5000)];
    const [again, later] = [
      [...set(700, "all"), ...del(4900, "all")],
      [...set(2000, "all"), ...del(4900, "all")],
    ];
    const late = (...more: Evidence[]): number[] => judged(...evidence, ...more).wentOn.map(({ ms }) => ms);
    expect(late(...again)).toEqual([100]);
    expect(late(...later)).toEqual([4500, 100]);
  });

  test("of a run that starts again after a store has lost its start, the first one counts", () => {
    const pause = [...set(100, "all"), ...del(500, "all")];
    const again = (begun: number): number[] =>
      judged(up, ...pause, ...run(80, begun), ...run(80, 9000)).wentOn.map(({ ms }) => ms);
    expect(again(520)).toEqual([20]);
    expect(again(90)).toEqual([]);
  });

  test("of a node: its first start after the pause", () => {
    const { wentOn } = judged(up, ...set(100, "node:id-1"), ...del(500, "node:id-1"), ...run(600, 620));
    expect(wentOn.map(({ what, ms }) => [what, ms])).toEqual([["node:id-1", 120]]);
  });

  test("of a node, where everything is paused at its end or soon after: nothing is said of it", () => {
    const node = [up, ...set(100, "node:id-1"), ...del(500, "node:id-1"), ...run(600, 4000)];
    const of = (...all: Evidence[]): number[] => judged(...node, ...all).wentOn.map(({ ms }) => ms);
    expect(of(...set(400, "all"), ...del(700, "all"))).not.toContain(3500);
    expect(of(...set(900, "all"), ...del(3000, "all"))).not.toContain(3500);
    expect(of(...set(50, "all"), ...del(90, "all"))).toContain(3500);
  });

  test("of runs that take turns: the first of them, if none was running at the end", () => {
    const turns = [{ ...job, beside: false }];
    const pause = [...set(100, "all"), ...del(500, "all")];
    const held = [...run(200, 600), ...run(300, 1800)];
    expect(judgePauses([...pause, ...held], turns).wentOn.map(({ ms }) => ms)).toEqual([100]);
    const running = run(50, 60).filter(({ kind }) => kind !== "accepted");
    expect(judgePauses([...pause, ...running, ...held], turns).wentOn).toEqual([]);
  });
});

test("what is left alone is measured while something else is paused", () => {
  const evidence = [
    ...set(5000, "job:other"),
    ...del(6000, "job:other"),
    ...run(5500, 5530),
    ...run(7000, 9000),
    ...run(5500, 5700, 5700, "own"),
    ...set(5600, "job:own"),
    ...del(6000, "job:own"),
  ];
  const own = { ...job, id: "own" };
  expect(leftAlone(evidence, [job, own], pauseSpans(evidence))).toEqual([30]);
});
