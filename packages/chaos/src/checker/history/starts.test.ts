import { describe, expect, test } from "vitest";
import { dawn, MadeUp, nodeOf, runAt, secondly } from "../../../test/made-up.js";
import type { TrialFact } from "../../evidence/evidence.js";

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

  test("was handed back if its node says so, where nodes do: else two of them have it", () => {
    const tells = { tellsHandBacks: true };
    const again = (said: boolean, trial: Partial<TrialFact> = tells): MadeUp =>
      new MadeUp(trial)
        .define(-500, secondly("job"))
        .attempt({ run: runAt("job", 0), at: 5 })
        .given(1005, { run, node: "n2" }, said)
        .attempt({ run, at: 1007 });
    expect(again(true).heal(1900).broken).toEqual([]);
    expect(again(false).heal(1900).broken).toEqual(["attempt-order"]);
    expect(again(false, {}).heal(1900).broken).toEqual([]);
    // An impostor hands back what it was given, and takes nothing down.
    const impostor = new MadeUp(tells)
      .ask(0, { do: "enqueue", task: "tick", runs: [{ id: "run-1" }] })
      .tell(5, `started run-1 1 ${base().token(5)} impostor-1`);
    expect(impostor.attempt({ run: "run-1", at: 9 }).broken).toEqual([]);
    // What was not handed back counts: a place is held, and nothing has ended.
    const few = (said: boolean): MadeUp =>
      new MadeUp({ ...tells, limits: { "queue:default": { max: 1, whenFull: "wait" } } })
        .define(-500, secondly("job", { endAt: dawn }), secondly("other", { endAt: dawn }))
        .given(5, { run: runAt("job", 0), node: "n2" }, said)
        .attempt({ run: runAt("other", 0), at: 9 })
        .attempt({ run: runAt("job", 0), at: 30 });
    expect(few(true).heal(900).broken).toEqual([]);
    expect(few(false).heal(900).broken).toEqual(["attempt-order", "limit"]);
  });
});
