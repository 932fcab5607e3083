import { describe, expect, test } from "vitest";
import { MadeUp, type MadeUpAttempt, nodeOf, runAt, secondly } from "../../../test/made-up.js";
import type { PlannedJob } from "../../workload/operations.js";

const run = (ms: number, more: Partial<MadeUpAttempt> = {}): MadeUpAttempt => ({
  run: runAt("job", ms),
  at: ms + 5,
  ...more,
});

describe("a limit", () => {
  const limits = { "task:tick": { max: 1, whenFull: "wait" } } as const;
  const limited = (): MadeUp => new MadeUp({ limits }).define(-500, secondly("job"));

  test("holds from one claim to the record of its end", () => {
    expect(
      limited()
        .attempt(run(0, { takes: 900 }))
        .attempt(run(1000)).broken,
    ).toEqual([]);
    // The one before is recorded in the step after.
    expect(
      limited()
        .attempt(run(0, { takes: 1100 }))
        .attempt(run(1000, { takes: 300 })).broken,
    ).toEqual(["limit"]);
  });

  test("frees the place of a node that died when its run is taken over, and of an attempt that was handed back", () => {
    const first = run(0, { ends: "never" });
    const once = secondly("job", { delivery: "at-most-once" });
    const dead = new MadeUp({ limits })
      .define(-500, once)
      .attempt(first)
      .tell(800, `nodeDead ${nodeOf("n1")}`)
      .lost(800, first, false);
    expect(dead.attempt(run(1000, { node: "n2" })).broken).toEqual([]);
    expect(
      limited()
        .attempt(first)
        .attempt(run(1000, { node: "n2" })).broken,
    ).toEqual(["limit"]);
    const handed = `started ${runAt("job", 0)} 1 ${limited().token(5)} ${nodeOf("n1")}`;
    const back = (...more: MadeUpAttempt[]): string[] =>
      more.reduce((history, one) => history.attempt(one), limited().tell(5, handed)).broken;
    expect(back(run(1000), run(0, { at: 1600 }))).toEqual([]);
    expect(back(run(1000))).toContain("limit");
  });

  test("of a key is that of the run, whichever job or task it is of", () => {
    const keyed = { concurrencyKey: "customer", concurrencyLimit: 1, overlap: "allow" } as const;
    const enqueued = {
      do: "enqueue",
      task: "long",
      runs: [{ id: "run-1", concurrencyKey: "customer" }],
    } as const;
    const both = (at: number): string[] =>
      new MadeUp()
        .define(-500, secondly("job", keyed))
        .ask(0, enqueued)
        .attempt(run(0))
        .attempt(run(1000, { takes: 500 }))
        .attempt({ run: "run-1", at }).broken;
    expect(both(1600)).toEqual([]);
    expect(both(1200)).toEqual(["limit"]);
  });
});

test("a rate allows so many claims in any period, and the next one when it is over", () => {
  const rated: Partial<PlannedJob> = { concurrencyKey: "api", rateLimit: { max: 2, per: "2s" } };
  const starts = (...times: number[]): string[] => {
    const history = new MadeUp().define(-500, secondly("job", rated));
    for (const [index, at] of times.entries()) history.attempt({ run: runAt("job", index * 1000), at });
    return history.broken;
  };
  expect(starts(5, 1005, 2005)).toEqual([]);
  expect(starts(5, 1005, 2004)).toEqual(["rate"]);
});

test("what was handed back is no start by a rate", () => {
  const rated: Partial<PlannedJob> = {
    overlap: "allow",
    concurrencyKey: "api",
    rateLimit: { max: 1, per: "2s" },
  };
  const history = (): MadeUp => new MadeUp().define(-500, secondly("job", rated));
  const given = `started ${runAt("job", 0)} 1 ${history().token(5)} ${nodeOf("n1")}`;
  const again = run(0, { at: 900 });
  expect(history().tell(5, given).attempt(again).broken).toEqual([]);
  expect(
    history()
      .attempt(run(0))
      .attempt(run(1000, { at: 1200 })).broken,
  ).toEqual(["rate"]);
});

test("a rate's periods are those of the server's clock while that has gone back and the product's stands still", () => {
  const startsAt = (last: number, max = 1): string[] => {
    const rated = secondly("job", { concurrencyKey: "a", rateLimit: { max, per: "2s" } });
    const history = new MadeUp().define(-500, rated, secondly("other")).moveClock(0, 9000, -9000);
    history.tell(-10, "jobUpdated other");
    // Each comes after another attempt's end, which shows that it is not older.
    for (const at of max === 1 ? [500, last] : [500, 1700, last])
      history
        .attempt({ run: runAt("other", 0), at: at - 20, takes: 5 })
        .attempt({ run: runAt("job", 0), at }, 1);
    return history.broken.filter((rule) => rule === "rate");
  };
  expect(startsAt(2505)).toEqual([]);
  expect(startsAt(2100)).toEqual(["rate"]);
  // It is remembered for a period after the latest start.
  expect(startsAt(2505, 2)).toEqual(["rate"]);
  expect(startsAt(3705, 2)).toEqual([]);
});

describe("runs of a job that take turns", () => {
  const turns = (overlap: PlannedJob["overlap"]): MadeUp =>
    new MadeUp().define(-500, secondly("job", { overlap: overlap ?? "skip", retry: { attempts: 2 } }));

  test("do not run at once, unless it allows that", () => {
    for (const overlap of ["skip", "queue-one", "queue-all", "cancel-running"] as const)
      expect(
        turns(overlap)
          .attempt(run(0, { takes: 1100 }))
          .attempt(run(1000, { takes: 200 })).broken,
      ).toEqual(["overlap"]);
    for (const overlap of ["allow", "replace"] as const)
      expect(
        turns(overlap)
          .attempt(run(0, { takes: 1100 }))
          .attempt(run(1000, { takes: 200 })).broken,
      ).toEqual([]);
    expect(
      turns("skip")
        .attempt(run(0, { takes: 900 }))
        .attempt(run(1000)).broken,
    ).toEqual([]);
  });

  test("count as running while they wait for their next attempt", () => {
    const again = run(0, { ends: "again", wait: 2000 });
    expect(turns("skip").attempt(again).attempt(run(1000)).broken).toEqual(["overlap"]);
    expect(turns("allow").attempt(again).attempt(run(1000)).broken).toEqual([]);
  });
});
