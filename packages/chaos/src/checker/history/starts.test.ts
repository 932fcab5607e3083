import { describe, expect, test } from "vitest";
import { dawn, MadeUp, nodeOf, runAt, secondly } from "../../../test/made-up.js";

const maybe = { end: "maybe", code: "REDIS_TIMEOUT", message: "" } as const;
const run = runAt("job", 1000);
const started = (): MadeUp => new MadeUp().define(-500, secondly("job")).runs("job", 0, 3000).heal(3500);
const base = (): MadeUp =>
  new MadeUp()
    .define(-500, secondly("job", { retry: { attempts: 2 } }))
    .runs("job", 0, 0)
    .runs("job", 2000, 3000)
    .heal(3500);

test("a history as it should be breaks no rule, and is counted", () => {
  const { valid, runs, starts, fireTimes } = started().judge();
  expect({ valid, runs, starts, by: fireTimes.by }).toEqual({
    valid: true,
    runs: 4,
    starts: 4,
    by: { started: 4 },
  });
});

describe("an attempt", () => {
  test("begins once", () => {
    const twice = { run, attempt: 1, token: started().token(1005), scheduledAt: dawn + 1000 };
    expect(started().add(1300, { kind: "start", ...twice }, "n2").broken).toEqual(["duplicate"]);
  });

  test("begins only as it was given out", () => {
    const other = started().add(3200, {
      kind: "start",
      run: runAt("job", 3000),
      attempt: 2,
      token: "7",
      scheduledAt: dawn + 3000,
    });
    expect(other.broken).toEqual(["unclaimed-start"]);
  });

  test("is not given out before its time by Redis' clock, however little", () => {
    const early = (at: number): string[] => base().attempt({ run, at }).broken;
    expect(early(999)).toEqual(["early"]);
    expect(early(1000)).toEqual([]);
  });

  test("is given a token above all before it", () => {
    const [first, second] = [5, 6].map((more) => ({
      run: `run-${more}`,
      token: base().token(3200, more),
    })) as [{ run: string; token: string }, { run: string; token: string }];
    const told = (...lines: { run: string; token: string }[]): string[] =>
      base()
        .attempt({ run, at: 1005 })
        .ask(3100, { do: "enqueue", task: "tick", runs: [{ id: first.run }, { id: second.run }] }, maybe)
        .tell(3200, ...lines.map((line) => `started ${line.run} 1 ${line.token} ${nodeOf("n1")}`)).broken;
    expect(told(first, second)).toEqual([]);
    expect(told(second, first)).toEqual(["token-order"]);
    expect(told(first, { ...first, run: second.run })).toEqual(["token-order"]);
  });

  test("that is the second one follows a first that ended, and not before its wait is over", () => {
    const [failed, again] = [
      { run, at: 1005, ends: "again", wait: 500 } as const,
      { run, attempt: 2, at: 1600 },
    ];
    expect(base().attempt(failed).attempt(again).broken).toEqual([]);
    expect(
      base()
        .attempt(failed)
        .attempt({ ...again, at: 1514 }).broken,
    ).toEqual(["attempt-order"]);
    expect(
      base()
        .attempt({ ...failed, ends: "never" })
        .attempt(again).broken,
    ).toEqual(["attempt-order"]);
    expect(
      base()
        .attempt(failed)
        .attempt({ ...again, attempt: 3 }).broken,
    ).toEqual(["attempt-order"]);
    expect(
      base()
        .attempt(failed)
        .attempt({ ...again, attempt: 1 }).broken,
    ).toContain("duplicate");
  });

  test("may be given out again by the same number if nobody began it", () => {
    const handed = `started ${run} 1 ${base().token(1005)} ${nodeOf("n1")}`;
    expect(base().tell(1005, handed).attempt({ run, at: 1400 }).broken).toEqual([]);
    const second = (...more: string[]): MadeUp => {
      const failed = base().attempt({ run, at: 1005, ends: "again" });
      failed.tell(1100, `started ${run} 2 ${failed.token(1100)} ${nodeOf("n1")}`);
      if (more.length > 0) failed.tell(3300, ...more);
      return failed.add(3900, { kind: "phase", phase: "removed" });
    };
    expect(second().attempt({ run, attempt: 2, at: 1400 }).broken).toEqual([]);
    // Given out, never begun, never ended: also if its job goes.
    expect(second().broken).toEqual(["not-settled"]);
    expect(second("jobRemoved job").broken).toEqual(["not-settled"]);
    // Handed back, and then among those that were missed, long before its job goes.
    const missed = base().tell(1005, handed).ended(3300, run, "m", "misfire");
    const gone = missed.add(3900, { kind: "phase", phase: "removed" }).tell(3950, "jobRemoved job");
    expect(gone.broken).not.toContain("not-settled");
    expect(base().attempt({ run, at: 1005, ends: "never" }).attempt({ run, at: 1400 }).broken).toEqual([
      "attempt-order",
      "duplicate",
    ]);
  });
});
