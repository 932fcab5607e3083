import { every } from "@escapement/triggers";
import { describe, expect, test } from "vitest";
import { dawn, MadeUp, nodeOf, runAt, secondly } from "../../../test/made-up.js";
import { redisClockOf } from "./redis-clock.js";

/** Redis' clock is 3 s ahead from 1000 to 2000 ms of the machine's. */
const ahead = (): MadeUp => new MadeUp().define(-500, secondly("job")).moveClock(1000, 2000, 3000);
/** It is 800 ms behind in that time. */
const behind = (): MadeUp => new MadeUp().define(-500, secondly("job")).moveClock(1000, 2000, -800);

/** What the product's clock may have said at a moment. */
function at(history: MadeUp, ms: number, until = ms): [least: number, most: number] {
  const clock = redisClockOf(history.evidence);
  return [clock.least(dawn + ms, dawn + until) - dawn, clock.most(dawn + until) - dawn];
}

describe("Redis' clock", () => {
  test("is the machine's where nobody moved it", () => {
    expect(at(new MadeUp(), 5)).toEqual([5, 5]);
    expect(at(ahead(), 999)).toEqual([999, 999]);
  });

  test("is ahead where it was moved ahead, and either of both while that was under way", () => {
    expect(at(ahead(), 1550)).toEqual([4550, 4550]);
    const slowly = { from: dawn + 1000, until: dawn + 2000, proof: "TIME was ahead" };
    const moved = { ahead: 3000, by: dawn + 1100, back: dawn + 1900 };
    const slow = new MadeUp().add(2000, {
      ...{ kind: "fault", fault: "redis-clock-ahead", target: "clock", ...slowly, moved },
    });
    expect([1050, 1550, 1950].map((ms) => at(slow, ms))).toEqual([
      [1050, 4050],
      [4550, 4550],
      [1950, 4950],
    ]);
  });

  test("has stood still since, at what was seen of it last, until it was caught up with", () => {
    expect(at(ahead(), 3000)).toEqual([3000, 5000]);
    expect(at(ahead().runs("job", 0, 0).tell(1900, "jobUpdated other"), 3000)).toEqual([4900, 5000]);
    const seen = ahead()
      .tell(1900, "jobUpdated other")
      .attempt({ run: runAt("job", 0), at: 3200 });
    expect(at(seen, 3000)).toEqual([4900, 4900]);
    expect(at(seen, 6000)).toEqual([6000, 6000]);
  });

  test("goes back behind what no step has seen of it", () => {
    expect(at(behind().tell(500, "jobUpdated other"), 900, 1100)).toEqual([500, 1000]);
    expect(at(behind().tell(500, "jobUpdated other"), 900, 950)).toEqual([900, 950]);
  });

  test("is not what a leader takes it for", () => {
    const guess = { kind: "told", entry: `${dawn}-9`, t: dawn + 9000, lines: ["leaderLost n1 1"] } as const;
    expect(at(ahead().add(500, guess, "watcher"), 900)).toEqual([900, 900]);
  });
});

describe("what is asked for while Redis' clock is ahead", () => {
  const trigger = every("1s", { from: new Date(dawn), phase: 300 });
  const starts = (...times: number[]): MadeUp => {
    const history = ahead().ask(1550, { do: "update", job: "job", changes: { trigger } });
    for (const ms of times)
      history.attempt({ run: runAt("job", ms), at: ms < 1000 || ms > 5000 ? ms + 5 : 1500 }, ms);
    return history.heal(5950);
  };

  test("is in force from then on by that clock: what was due until then is of the former definition", () => {
    expect(starts(0, 1000, 2000, 3000, 4000, 5300).broken).toEqual([]);
    expect(starts(0, 1000, 5300).broken).toEqual(["missed"]);
    expect(starts(0, 1000, 2000, 2300, 3000, 4000, 5300).broken).toEqual(["never-due"]);
  });
});

test("what was asked for before Redis' clock went back is in force from when it was done by that clock", () => {
  const trigger = every("1s", { from: new Date(dawn), phase: 700 });
  const changed = (done: number): MadeUp =>
    behind()
      .runs("job", 0, 0)
      .ask(900, { do: "update", job: "job", changes: { trigger } }, undefined, done - 890)
      .tell(done, "jobUpdated job")
      .attempt({ run: runAt("job", 700), at: 1900 })
      .heal(995);
  expect(changed(1300).broken).toEqual([]); // at 500 by Redis' clock
  expect(changed(940).broken).toEqual(["never-due"]);
});

describe("a delay is kept by Redis' clock", () => {
  const delayed = (claimed: number, delay = 500): string[] =>
    behind()
      .tell(990, "jobUpdated other")
      .ask(1500, { do: "enqueue", task: "tick", runs: [{ id: "run-1", delay }] })
      .attempt({ run: "run-1", at: claimed })
      .heal(-300).broken;

  test("that stands still since it went back", () => {
    expect(delayed(2000)).toEqual([]);
    expect(delayed(1990)).toEqual(["early"]); // at 1190, and it was asked for at 990
    expect(delayed(1990, 200)).toEqual([]);
  });

  test("and what a leader takes that for counts for nothing", () => {
    const guess = { kind: "told", entry: `${dawn}-9`, t: dawn + 9000, lines: ["leaderLost n1 1"] } as const;
    expect(
      behind()
        .add(500, guess, "watcher")
        .ask(1500, { do: "enqueue", task: "tick", runs: [{ id: "run-1", delay: 500 }] })
        .attempt({ run: "run-1", at: 2300 })
        .heal(-300).broken,
    ).toEqual([]);
  });
});

describe("while Redis' clock stands still, at 4900 from 2000 to 4900 ms of the machine's,", () => {
  /** Something is told at 1900; there is an attempt at a run of a job with a tag, right after the end of another that shows that it is not older. */
  const given = (ms: number, before: (history: MadeUp) => MadeUp, input?: { work: number }): string[] =>
    before(
      ahead()
        .define(-400, secondly("other", { tags: ["t1"], input: { work: 7 } }))
        .runs("job", 0, 0),
    )
      .tell(1900, "jobUpdated other")
      .attempt({ run: runAt("job", 1000), at: ms - 50, takes: 5 })
      .attempt({ run: runAt("other", 2000), at: ms, ...(input && { input }) }, 1)
      .heal(-300).broken;

  test("nothing is given out under a pause, and what was given out before that is not taken for it", () => {
    const paused = (history: MadeUp): MadeUp =>
      history.ask(2500, { do: "set", name: "tag:t1" }).ask(3500, { do: "del", name: "tag:t1" });
    const input = { work: 7 };
    expect([2400, 3000, 3600].map((ms) => given(ms, paused, input))).toEqual([[], ["paused-claim"], []]);
  });

  test("what was given up explains no moment: its handler may begin later", () => {
    const lost = { run: runAt("job", 2000), attempt: 1, token: new MadeUp().token(2100) };
    const late = (history: MadeUp): MadeUp =>
      history
        .ask(2500, { do: "set", name: "tag:t1" })
        .tell(2100, `started ${lost.run} 1 ${lost.token} ${nodeOf("n2")}`)
        .tell(2200, `nodeDead ${nodeOf("n2")}`)
        .lost(2200, { run: lost.run, at: 2100, node: "n2" }, true)
        .add(3900, { kind: "start", ...lost, scheduledAt: dawn + 2000 }, "n2");
    expect(given(2400, late, { work: 7 })).toEqual([]);
  });

  test("a handler is handed what its job's definition said when it was given out", () => {
    const changed = (history: MadeUp): MadeUp =>
      history.ask(2500, { do: "update", job: "other", changes: { input: { work: 8 } } });
    expect([7, 8].map((work) => given(2400, changed, { work }))).toEqual([[], ["input"]]);
    expect([7, 8].map((work) => given(3000, changed, { work }))).toEqual([["input"], []]);
  });
});

test("a pause's time to live is over when the server's clock says so, which may be sooner", () => {
  const given = (ms: number, ttl: number): string[] =>
    behind()
      .tell(990, "jobUpdated job")
      .ask(1500, { do: "set", name: "all", ttl })
      .attempt({ run: runAt("job", 0), at: ms })
      .heal(-300).broken;
  expect(given(1900, 1000)).toEqual(["paused-claim"]);
  expect(given(2100, 1000)).toEqual([]); // it was set at 700 by the server's clock
  expect(given(2100, 1500)).toEqual(["paused-claim"]);
});

describe("a leader's lease", () => {
  const looks = (
    history: MadeUp,
    ...leaders: [ms: number, leader: string, epoch: number, t: number][]
  ): string[] => {
    for (const [index, [ms, leader, epoch, t]] of leaders.entries()) {
      if (epoch !== leaders[index - 1]?.[2]) history.add(ms, { kind: "elected", epoch }, leader);
      const lease = { leader, epoch, until: dawn + t + 2500 };
      history.add(ms, { kind: "leases", t: dawn + t, nodes: {}, ...lease }, "watcher");
    }
    return history.heal(-300).broken;
  };

  test("ends when the server's clock has gone past it, if only for a while", () => {
    expect(looks(ahead(), [800, "n1", 1, 800], [900, "n1", 1, 900], [2200, "n2", 2, 2200])).toEqual([]);
    expect(looks(ahead(), [2100, "n1", 1, 2100], [2200, "n1", 1, 2200], [2300, "n2", 2, 2300])).toEqual([
      "lease-exclusive",
    ]);
  });

  test("is looked at in one order, whatever the clock says", () => {
    const details = { node: "n1", epoch: 1, reason: "closed" };
    const left = behind().add(900, { kind: "event", event: "leaderLost", details }, "n1");
    expect(looks(left, [800, "n1", 1, 800], [1300, "n2", 2, 500])).toEqual([]);
  });
});
