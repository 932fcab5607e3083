import { describe, expect, test } from "vitest";
import { MadeUp, nodeOf, runAt, secondly } from "../../../test/made-up.js";
import type { Evidence } from "../../evidence/evidence.js";
import { judgeHistory } from "./judge-history.js";

/** A trial that came to its end, with all that is taken down of one. */
function whole(): Evidence[] {
  const history = new MadeUp({ voters: 3, tellsStops: true })
    .define(-500, secondly("job", { endAt: 1 }))
    .add(1, { kind: "elected", epoch: 1 }, "n1")
    .tell(2, `leaderElected ${nodeOf("n1")} 1`)
    .add(3, { kind: "leases", t: 0, nodes: {}, leader: null, epoch: 1, until: 0 })
    .ask(10, { do: "enqueue", task: "tick", runs: [{ id: "own" }] })
    .attempt({ run: "own", at: 50 })
    .heal(500)
    .add(600, { kind: "phase", phase: "removed" })
    .add(650, { kind: "lock", attempts: { "own#1": 3 } })
    .add(660, { kind: "doctor", findings: [] })
    .add(690, { kind: "stopped", process: "n1", since: 0, asked: 670, took: 10, exit: "exit code 0" })
    .add(-950, { kind: "memory", when: "begun", data: 0, keys: 0, ofKeys: 0 })
    .add(850, { kind: "memory", when: "stopped", data: 500, keys: 1, ofKeys: 300 });
  for (const when of ["settled", "removed", "stopped"] as const) history.store(700, when, {});
  return history.store(800, "stopped", {
    finished: { type: "hash", size: 1, value: { own: headOf(history) } },
  }).evidence;
}

function headOf({ evidence }: MadeUp): string {
  const ended = evidence.flatMap((line) => (line.kind === "told" ? line.lines : [])).at(-1) ?? "";
  return ended.split(" ").slice(2, 9).join(" ");
}

const brokenIn = (evidence: readonly Evidence[]): string[] =>
  judgeHistory(evidence, { whole: true }).violations.map(({ rule, message }) => `${rule}: ${message}`);

describe("the evidence of a trial that came to its end", () => {
  test("is whole", () => {
    expect(brokenIn(whole())).toEqual([]);
  });

  test.each([
    ["the phase begun", (line: Evidence) => line.kind === "phase" && line.phase === "begun"],
    ["the phase healed", (line: Evidence) => line.kind === "phase" && line.phase === "healed"],
    ["the phase removed", (line: Evidence) => line.kind === "phase" && line.phase === "removed"],
    ["the store's keys when settled", (line: Evidence) => line.kind === "store" && line.when === "settled"],
    ["the store's keys when stopped", (line: Evidence) => line.kind === "store" && line.when === "stopped"],
    ["leases", (line: Evidence) => line.kind === "leases"],
    ["claimed", (line: Evidence) => line.kind === "claimed"],
    ["accepted", (line: Evidence) => line.kind === "accepted"],
    ["what n1 heard of own#1 before it began", (line: Evidence) => line.kind === "claimed"],
    ["what its data take when begun", (line: Evidence) => line.kind === "memory" && line.when === "begun"],
    ["doctor", (line: Evidence) => line.kind === "doctor"],
    ["stopped", (line: Evidence) => line.kind === "stopped"],
    ["lock", (line: Evidence) => line.kind === "lock"],
    [`the joining of ${nodeOf("n1")}`, (line: Evidence) => line.kind === "up" && line.node === "n1"],
    ["the election of term 1", (line: Evidence) => line.kind === "elected"],
    ["the answer to operation 2 (enqueue)", (line: Evidence) => line.kind === "answer" && line.op === 2],
    ["operation 1", (line: Evidence) => "op" in line && line.op === 1],
  ])("lacks nothing, such as %s", (what, is) => {
    expect(brokenIn(whole().filter((line) => !is(line)))).toContain(
      `evidence-missing: The evidence lacks ${what}.`,
    );
  });
});

const run = runAt("job", 1000);
const base = (): MadeUp => new MadeUp().define(-500, secondly("job")).runs("job", 0, 1000).heal(1500);

test("what is accepted is so once, and for the process whose handler began", () => {
  const { token } = { token: base().token(1005) };
  const accepted = { kind: "accepted", run, attempt: 1, token, outcome: "succeeded" } as const;
  expect(base().add(1030, accepted, "n1").broken).toEqual(["accepted-twice"]);
  expect(base().add(1030, accepted, "n2").broken).toEqual(["accepted-twice"]);
});

test("a handler comes to its end after it began", () => {
  const { evidence } = base();
  const moved = evidence.map((line) => (line.kind === "end" ? { ...line, mono: line.mono - 500 } : line));
  expect(Object.keys(judgeHistory(moved).byRule)).toEqual(["outcome-without-end"]);
});

test("a handler that begins before its fire time is found out by the machine's clock, whatever the store says of its own", () => {
  const { evidence } = base();
  const begins = (ms: number): string[] => {
    const moved = evidence.map((line) => (line.kind === "start" ? { ...line, at: line.at - ms } : line));
    return Object.keys(judgeHistory(moved).byRule);
  };
  expect(begins(50)).toEqual([]);
  expect(begins(500)).toEqual(["early"]);
});

test("what is open is looked for in the evidence, not believed to have ended since somebody said so", () => {
  const open = new MadeUp()
    .define(-500, secondly("job", { endAt: 1 }))
    .attempt({ run, at: 5, ends: "never" });
  open.heal(500).add(900, { kind: "phase", phase: "removed" });
  expect(open.broken).toContain("not-settled");
});

test("no node's process ends unless somebody ended it", () => {
  const details = { node: "n1", exit: "exit code 1", log: ["TypeError: no"] };
  expect(base().add(1600, { kind: "event", event: "crashed", details }).broken).toEqual(["crashed"]);
});
