import { describe, expect, test } from "vitest";
import { MadeUp, nodeOf, runAt, secondly } from "../../../test/made-up.js";
import type { PlannedJob } from "../../workload/operations.js";

const run = runAt("job", 0);

/** A run of a job that is lost so many times, each time of another node that died; another attempt follows the last loss, or none does. */
function lost(options: Partial<PlannedJob>, times: number, last: "again" | "ended"): MadeUp {
  const history = new MadeUp().define(-500, secondly("job", options));
  for (let attempt = 1; attempt <= times; attempt += 1) {
    const [at, node] = [100 * attempt, `mortal-${attempt}`];
    const one = { run, attempt, at, node, ends: "never" } as const;
    history.attempt(one).tell(at + 20, `nodeDead ${nodeOf(node)}`);
    history.lost(at + 30, one, attempt < times || last === "again");
  }
  const next = { run, attempt: times + 1, at: 100 * (times + 1) };
  return (last === "again" ? history.attempt(next) : history).heal(900);
}

describe("a run whose node died", () => {
  test("does not start again if it is delivered at most once", () => {
    const once = { delivery: "at-most-once" } as const;
    expect(lost(once, 1, "ended").broken).toEqual([]);
    expect(lost(once, 1, "again").broken).toEqual(["needless-attempt"]);
  });

  test("has another attempt if it is delivered at least once", () => {
    expect(lost({}, 1, "again").broken).toEqual([]);
    expect(lost({}, 1, "ended").broken).toEqual(["given-up"]);
  });

  test("has as many as its maxLost says", () => {
    expect(lost({}, 4, "ended").broken).toEqual([]);
    expect(lost({}, 4, "again").broken).toEqual(["needless-attempt"]);
    expect(lost({ maxLost: 1 }, 2, "ended").broken).toEqual([]);
    expect(lost({ maxLost: 1 }, 2, "again").broken).toEqual(["needless-attempt"]);
    expect(lost({ maxLost: 0 }, 1, "again").broken).toEqual(["needless-attempt"]);
  });

  test("ends with its job if that may have been removed by then", () => {
    const removed = (ms: number): string[] =>
      lost({}, 1, "ended").ask(ms, { do: "remove", job: "job", cancelRunning: false }).broken;
    expect(removed(120)).toEqual([]);
    expect(removed(140)).toEqual(["given-up"]);
  });
});

test("an enqueued run goes by the delivery with which it was enqueued", () => {
  const died = (delivery: "at-most-once" | "at-least-once"): string[] => {
    const one = { run: "own", at: 50, node: "mortal", ends: "never" } as const;
    return new MadeUp()
      .ask(10, { do: "enqueue", task: "tick", runs: [{ id: "own", delivery }] })
      .attempt(one)
      .tell(70, `nodeDead ${nodeOf("mortal")}`)
      .lost(80, one, false)
      .heal(500).broken;
  };
  expect(died("at-most-once")).toEqual([]);
  expect(died("at-least-once")).toEqual(["given-up"]);
});
