import { describe, expect, test } from "vitest";
import { dawn, MadeUp, nodeOf, runAt, secondly } from "../../../test/made-up.js";

const run = runAt("job", 1000);
const base = (): MadeUp =>
  new MadeUp().define(-500, secondly("job")).runs("job", 0, 0).runs("job", 2000, 3000).heal(3500);
const end = (state: string, ms: number, token: string): string =>
  `ended ${run} ${dawn + 1000} ${dawn + 1005} ${dawn + ms} ${state} 1 ${token} ${nodeOf("n1")}  `;

describe("a run", () => {
  test("ends once", () => {
    const { token } = { token: base().token(1005) };
    expect(
      base()
        .attempt({ run, at: 1005 })
        .tell(1100, end("s", 1100, token)).broken,
    ).toEqual(["accepted-twice", "ended-twice"]);
    const cancel = { do: "cancel", run } as const;
    const cancelled = base()
      .attempt({ run, at: 1005 })
      .ask(1050, cancel, { end: "acknowledged", answer: false });
    expect(cancelled.ended(1100, run, "c", "cancelled").broken).toEqual(["ended-twice"]);
  });

  test("is not given out any more once it has ended", () => {
    const failed = { run, at: 1005, ends: "f" } as const;
    expect(base().attempt(failed).attempt({ run, attempt: 2, at: 1100 }).broken).toEqual([
      "attempt-order",
      "ended-twice",
    ]);
  });
});

describe("what a node hears to be accepted", () => {
  const fact = { run, attempt: 1, token: new MadeUp().token(1005) };

  test("is what the store recorded", () => {
    const begun = { run, at: 1005, ends: "never" } as const;
    const heard = base()
      .attempt(begun)
      .add(1020, { kind: "accepted", ...fact, outcome: "succeeded" }, "n1");
    expect(heard.broken).toEqual(["late-accepted"]);
    const failed = base()
      .attempt({ ...begun, ends: "f" })
      .add(1020, { kind: "accepted", ...fact, outcome: "succeeded" }, "n1");
    expect(failed.broken).toEqual(["accepted-twice", "late-accepted"]);
  });

  test("is so once for each attempt where voters remember what has started, whatever the store has lost", () => {
    const accepted = (voters: number): boolean | undefined => {
      const losing = { topology: "everysec-voters-3", keepsWrites: false, voters };
      const history = new MadeUp(losing).define(-500, secondly("job")).attempt({ run, at: 1005 });
      const entries = history.evidence.flatMap((line) => (line.kind === "told" ? [line.entry] : []));
      history.add(1500, { kind: "unkept", entries }, "watcher").attempt({ run, at: 2005, node: "n2" });
      return history.broken.includes("accepted-twice");
    };
    expect(accepted(3)).toBe(true);
    expect(accepted(0)).toBe(false);
  });

  test("is not the outcome of an attempt that had been given up; that it is refused is as it should be", () => {
    const begun = { run, at: 1005, ends: "never" } as const;
    const given = base()
      .attempt(begun)
      .tell(1500, `nodeDead ${nodeOf("n1")}`)
      .lost(1500, begun, true);
    const next = given.attempt({ run, attempt: 2, at: 1600, node: "n2" });
    expect(next.add(1700, { kind: "refused", ...fact }, "n1").broken).toContain("dead-node-works"); // n1 goes on with later runs
    expect(next.add(1700, { kind: "accepted", ...fact, outcome: "succeeded" }, "n1").broken).toContain(
      "late-accepted",
    );
  });
});

test("an outcome has a handler that began, and success one that came to its end", () => {
  const { token } = { token: base().token(1005) };
  const claimed = base()
    .tell(1005, `started ${run} 1 ${token} ${nodeOf("n1")}`)
    .tell(1020, end("f", 1020, token));
  expect(claimed.broken).toEqual(["missed", "outcome-without-start"]);
  const begun = base()
    .attempt({ run, at: 1005, ends: "never" })
    .tell(1020, end("s", 1020, token));
  expect(begun.broken).toEqual(["outcome-without-end"]);
});

test("the history holds in the end what was told, neither more nor less", () => {
  const entry = (ms: number): string =>
    `${dawn + ms} ${dawn + ms + 5} ${dawn + ms + 15} s 1 ${base().token(ms + 5)} ${nodeOf("n1")} {"some":"detail"}`;
  const kept = (...times: number[]): string[] =>
    base()
      .attempt({ run, at: 1005 })
      .store(4000, "stopped", {
        "history:job": { type: "list", size: times.length, value: times.map(entry) },
      }).broken;
  expect(kept(0, 1000, 2000, 3000)).toEqual([]);
  expect(kept(0, 1000, 2000)).toEqual(["history"]);
  expect(kept(0, 1000, 2000, 3000, 3000)).toEqual(["history"]);
});
