import { describe, expect, test } from "vitest";
import { dawn, MadeUp, type MadeUpAttempt, runAt, secondly } from "../../../test/made-up.js";

/** A run that works for twenty seconds is cancelled after one, and goes on as is said. */
function cancelled(
  attempt: Partial<MadeUpAttempt>,
  listens = true,
  answer: boolean | undefined = true,
): MadeUp {
  const input = { work: 20_000, listens };
  return new MadeUp()
    .ask(0, { do: "enqueue", task: "tick", runs: [{ id: "run-1", input, retry: { attempts: 2 } }] })
    .attempt({ run: "run-1", at: 50, input, ...attempt })
    .ask(1000, { do: "cancel", run: "run-1" }, { end: "acknowledged", answer })
    .heal(30_000);
}

describe("a run that runs and whose cancelling was acknowledged", () => {
  test("ends soon, if its handler listens", () => {
    expect(cancelled({ takes: 1500 }).broken).toEqual([]);
    expect(cancelled({ takes: 20_000 }).broken).toEqual(["cancel-ignored"]);
    expect(cancelled({ ends: "never" }).broken).toContain("cancel-ignored");
    expect(cancelled({ takes: 20_000 }, false).broken).toEqual([]);
  });

  test("has no other attempt", () => {
    expect(cancelled({ takes: 1500, ends: "again" }).broken).toEqual(["cancel-ignored"]);
    expect(cancelled({ takes: 500, ends: "again" }).broken).not.toContain("cancel-ignored");
  });

  test("may take as long as something befalls its node", () => {
    const fault = { kind: "fault", fault: "node-freeze", target: "n1", proof: "it stood" } as const;
    const frozen = cancelled({ takes: 20_000 }).add(14_000, {
      ...fault,
      from: dawn + 1000,
      until: dawn + 14_000,
    });
    expect(frozen.broken).toEqual([]);
  });
});

describe("it is judged", () => {
  const fault = (target: string, from: number, until: number, proof = "it stood"): MadeUp => {
    const when = { from: dawn + from, until: dawn + until };
    const what = { kind: "fault", fault: "redis-freeze", target, proof } as const;
    return cancelled({ takes: 20_000 }).add(until, { ...what, ...when });
  };

  test("as soon as nothing has held its node up for a while", () => {
    expect(fault("store-0", 1000, 9000).broken).toEqual(["cancel-ignored"]);
    expect(fault("store-0", 1000, 14_000).broken).toEqual([]); // it ends before that
    expect(fault("store-0", 4000, 5000).broken).toEqual(["cancel-ignored"]);
  });

  test("whatever befalls another node, and what befell nothing", () => {
    expect(fault("n2", 1000, 19_000).broken).toEqual(["cancel-ignored"]);
    expect(fault("store-0", 1000, 19_000, "").broken).toEqual(["cancel-ignored"]);
    expect(fault("n1", 1000, 19_000).broken).toEqual([]);
  });

  test("until its node has started over: what it held is lost, and somebody else finds that", () => {
    const again = (ms: number): string[] =>
      fault("n1", 1000, 2000).add(ms, { kind: "up", id: "id-n1-again" }, "n1").broken;
    expect([again(7000), again(20_000)]).toEqual([[], ["cancel-ignored"]]);
  });

  test("by the machine's clock, wherever Redis' own has been moved to", () => {
    const input = { work: 20_000, listens: true };
    const moved = (takes: number): string[] =>
      new MadeUp()
        .moveClock(-9000, -5000, 6000)
        .tell(-5500)
        .ask(0, { do: "enqueue", task: "tick", runs: [{ id: "run-1", input }] })
        .attempt({ run: "run-1", at: 50, input, takes })
        .ask(1000, { do: "cancel", run: "run-1" }, { end: "acknowledged", answer: true })
        .heal(30_000).broken;
    expect([moved(1500), moved(19_000)]).toEqual([[], ["cancel-ignored"]]);
  });

  test("and the report tells how often it was", () => {
    expect(cancelled({ takes: 1500 }).judge().exercised).toEqual({ cancels: 1 });
    expect(fault("n1", 1000, 29_000).judge().exercised).toEqual({});
  });
});

describe("whoever cancels is not told that nothing is to be cancelled", () => {
  const notFound = { end: "refused", code: "RUN_NOT_FOUND", message: "" } as const;
  const ended = { end: "acknowledged", answer: false } as const;
  const enqueued = (): MadeUp =>
    new MadeUp().ask(0, { do: "enqueue", task: "tick", runs: [{ id: "run-1" }] });
  const cancel = { do: "cancel", run: "run-1" } as const;

  test("while the run runs", () => {
    for (const answer of [notFound, ended]) {
      const told = (takes: number): string[] =>
        enqueued().attempt({ run: "run-1", at: 50, takes }).ask(1000, cancel, answer).heal(10_000).broken;
      expect(told(9000)).toEqual(["cancel-denied"]);
      expect(told(955)).toEqual([]);
      expect(told(900)).toEqual([]);
    }
  });

  test("while it waits, from when its enqueuing was acknowledged on", () => {
    const told = (ms: number): string[] =>
      enqueued().ask(ms, cancel, notFound).attempt({ run: "run-1", at: 2000 }).heal(3000).broken;
    expect(told(1000)).toEqual(["cancel-denied"]);
    expect(told(5)).toEqual([]);
  });

  test("unless it was cancelled meanwhile, or there is none", () => {
    expect(
      enqueued().ended(500, "run-1", "c", "cancelled").ask(495, cancel, ended).heal(3000).broken,
    ).toEqual([]);
    expect(new MadeUp().ask(495, cancel, notFound).heal(3000).broken).toEqual([]);
  });
});

describe("a run that runs when its job is removed with `cancelRunning`", () => {
  const input = { work: 9000, listens: true };
  const job = secondly("job", { overlap: "skip", input, endAt: dawn });
  const run = runAt("job", 0);
  const removed = (takes: number, cancelRunning = true, answer = true, given = job): MadeUp =>
    new MadeUp()
      .define(-500, given)
      .attempt({ run, at: 5, takes, ...(given.input && { input: given.input }) })
      .ask(1000, { do: "remove", job: "job", cancelRunning }, { end: "acknowledged", answer })
      .tell(1005, "jobRemoved job");

  test("ends soon, if its handler listens", () => {
    expect(removed(9000).heal(20_000).broken).toEqual(["cancel-ignored"]);
    expect(removed(1500).heal(20_000).broken).toEqual([]);
    expect(removed(9000, false).heal(20_000).broken).toEqual([]);
    expect(removed(9000, true, false).heal(20_000).broken).toEqual([]);
    const deaf = secondly("job", { endAt: dawn, input: { work: 9000 } });
    expect(removed(9000, true, true, deaf).heal(20_000).broken).toEqual([]);
  });

  test("ends also where it is of a definition before the one that is removed", () => {
    const again = (takes: number): string[] =>
      removed(takes, false)
        .define(1500, job)
        .tell(1505, "jobAdded job")
        .ask(2000, { do: "remove", job: "job", cancelRunning: true }, { end: "acknowledged", answer: true })
        .tell(2005, "jobRemoved job")
        .heal(20_000).broken;
    expect(again(9000)).toEqual(["cancel-ignored"]);
    expect(again(2500)).toEqual([]);
  });
});
