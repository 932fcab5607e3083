import { describe, expect, test } from "vitest";
import { dawn, MadeUp, type MadeUpAttempt } from "../../../test/made-up.js";

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
    expect(cancelled({ takes: 20_000 }, true, false).broken).toEqual([]);
  });

  test("has no other attempt", () => {
    expect(cancelled({ takes: 1500, ends: "again" }).broken).toEqual(["cancel-ignored"]);
    expect(cancelled({ takes: 500, ends: "again" }).broken).not.toContain("cancel-ignored");
  });

  test("may take as long as something befalls its node", () => {
    const fault = { kind: "fault", fault: "node-freeze", target: "n1", proof: "" } as const;
    const frozen = cancelled({ takes: 20_000 }).add(9000, {
      ...fault,
      from: dawn + 1000,
      until: dawn + 9000,
    });
    expect(frozen.broken).toEqual([]);
  });
});
