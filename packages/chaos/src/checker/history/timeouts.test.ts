import { describe, expect, test } from "vitest";
import { dawn, MadeUp, type MadeUpAttempt } from "../../../test/made-up.js";

/** One run of a handler that works for so long, with a timeout, and how it went. */
function enqueued(work: number, timeout: number | undefined, attempt: Partial<MadeUpAttempt>): MadeUp {
  const run = { id: "run-1", input: { work }, ...(timeout !== undefined && { timeout }) };
  return new MadeUp()
    .ask(0, { do: "enqueue", task: "tick", runs: [run] })
    .attempt({ run: "run-1", at: 50, takes: work, input: { work }, ...attempt });
}

describe("a run with a timeout", () => {
  test("does not succeed if it takes longer", () => {
    expect(enqueued(1000, 300, { ends: "s" }).broken).toEqual(["timeout-ignored"]);
    expect(enqueued(1000, 300, { ends: "t" }).broken).toEqual([]);
    expect(enqueued(350, 300, { ends: "s" }).broken).toEqual([]);
    expect(enqueued(1000, undefined, { ends: "s" }).broken).toEqual([]);
  });

  test("may succeed all the same if it had been told to stop before", () => {
    const cancelled = enqueued(1000, 300, { ends: "s" }).ask(60, { do: "cancel", run: "run-1" });
    expect(cancelled.broken).not.toContain("timeout-ignored");
  });

  test("is not timed out if its handler came to its end before, or if there is no timeout", () => {
    const ended = (timeout: number | undefined): string[] => {
      const history = enqueued(100, timeout, { ends: "t" });
      const token = history.token(50);
      return history.add(150, { kind: "end", run: "run-1", attempt: 1, token }, "n1").broken;
    };
    expect(ended(300)).toEqual(["timed-out-early"]);
    expect(ended(undefined)).toEqual(["timed-out-early"]);
    expect(ended(95)).toEqual([]);
  });

  test("is given up once timeout and grace are over, unless something befell its node", () => {
    const held = (takes: number): MadeUp => enqueued(20_000, 300, { ends: "t", takes });
    expect(held(1300).broken).toEqual([]);
    expect(held(9000).broken).toEqual(["timeout-ignored"]);
    const frozen = (target: string): string[] =>
      held(9000).add(8000, {
        ...{ kind: "fault", fault: "node-freeze", target, proof: "it stood" },
        ...{ from: 1_000_000_001_000, until: 1_000_000_008_000 },
      }).broken;
    const looks = (...times: number[]): string[] =>
      times.reduce(
        (history, ms) =>
          history.add(
            ms,
            { kind: "leases", t: dawn + ms, nodes: {}, leader: null, epoch: 0, until: 0 },
            "watcher",
          ),
        held(9000),
      ).broken;
    expect(looks(1000, 1900, 2800, 3700)).toEqual(["timeout-ignored"]);
    expect(looks(1000, 1900, 5800)).toEqual([]); // the store stood still
    // The answer to the claim may have been on its way for long: what counts is the begin.
    const late = held(9000);
    for (const [index, fact] of late.evidence.entries())
      if (fact.kind === "start")
        late.evidence[index] = { ...fact, at: fact.at + 6000, mono: fact.mono + 6000 };
    expect(late.broken).not.toContain("timeout-ignored");
    expect(frozen("n1")).toEqual([]);
    expect(frozen("store-1")).toEqual([]);
    expect(frozen("n2")).toEqual(["timeout-ignored"]);
  });

  test("is held for as long as the machine's clock says, wherever Redis' own has been moved to", () => {
    const held = (takes: number, until: number): string[] => {
      const run = { id: "run-1", input: { work: 700 }, timeout: 300 };
      return new MadeUp()
        .moveClock(-500, until, 6000)
        .ask(0, { do: "enqueue", task: "tick", runs: [run] })
        .attempt({ run: "run-1", at: 9000, takes, ends: "t", input: { work: 700 } })
        .tell(30_000).broken;
    };
    expect(held(705, 20_000)).toEqual([]);
    expect(held(705, 10_500)).toEqual([]); // by Redis' clock it was given out when the fault was long over
    expect(held(705, 1000)).toEqual([]);
  });

  test("is judged wherever nothing befell its own node, and the report tells how many were", () => {
    const fault = (name: string, target: string, proof: string): unknown => {
      const when = { from: dawn + 100, until: dawn + 8000 };
      const what = { kind: "fault", fault: name, target, proof } as const;
      const history = enqueued(20_000, 300, { ends: "t", takes: 9000 }).add(8100, { ...what, ...when });
      return [history.broken, history.judge().exercised];
    };
    const judged = [["timeout-ignored"], { timeouts: 1 }];
    expect(fault("leader-freeze", "leader", "process 1 (n2) stood still")).toEqual(judged);
    expect(fault("leader-freeze", "leader", "process 1 (n1) stood still")).toEqual([[], {}]);
    expect(fault("redis-freeze", "store-0", "")).toEqual(judged); // it befell nothing
    expect(fault("locks-deleted", "locks", "DEL answered 1")).toEqual(judged); // nothing is late for that
  });
});
