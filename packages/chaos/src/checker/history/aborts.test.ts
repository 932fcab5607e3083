import { expect, test } from "vitest";
import { dawn, MadeUp, nodeOf } from "../../../test/made-up.js";
import type { Fact } from "../../evidence/evidence.js";

const dead = (node: string): Fact => {
  return { kind: "event", event: "nodeDead", details: { node: nodeOf(node) } };
};

/** A handler that began at 50 ms; at 1000 ms its process says who is dead, and the handler is over at `over`. */
function died(
  over: number,
  { listens = true, who = "n1", how = "aborted" as "aborted" | "end" } = {},
): MadeUp {
  const input = { work: 9000, listens };
  const token = new MadeUp().token(50);
  return new MadeUp()
    .ask(0, { do: "enqueue", task: "tick", runs: [{ id: "run-1", input }] })
    .attempt({ run: "run-1", at: 50, input, ends: "never" })
    .add(1000, dead(who), "n1")
    .add(over, { kind: how, run: "run-1", attempt: 1, token }, "n1");
}

const frozen = (from: number, until: number, target: string): Fact => {
  return { kind: "fault", fault: "freeze", target, from: dawn + from, until: dawn + until, proof: "stood" };
};

const found = (history: MadeUp): string[] => history.broken.filter((rule) => rule === "not-aborted");

test("a handler that listens stops when its own node has learnt that it is dead", () => {
  expect(found(died(1200))).toEqual([]);
  expect(found(died(9050, { how: "end" }))).toEqual(["not-aborted"]);
  expect(found(died(9050))).toEqual(["not-aborted"]);
  expect(found(died(9050, { listens: false }))).toEqual([]);
  // Its process has led, and tells of another one's death.
  expect(found(died(9050, { who: "n2" }))).toEqual([]);
});

test("it may be later where its process stood still", () => {
  expect(found(died(9050).add(9000, frozen(2000, 9000, "n1")))).toEqual([]);
  expect(found(died(9050).add(9000, frozen(2000, 9000, "leader")))).toEqual([]);
  expect(found(died(9050).add(9000, frozen(2000, 9000, "n2")))).toEqual(["not-aborted"]);
  expect(found(died(9050).add(5000, frozen(500, 990, "n1")))).toEqual(["not-aborted"]);
});

test("who leads may tell late of an identity that its process does not have any more", () => {
  const input = { work: 9000, listens: true };
  const history = new MadeUp()
    .add(-100, { kind: "up", id: "id-n1-again" }, "n1")
    .ask(0, { do: "enqueue", task: "tick", runs: [{ id: "run-1", input }] })
    .attempt({ run: "run-1", at: 50, takes: 9000, input })
    .add(1000, dead("n1"), "n1");
  expect(found(history)).toEqual([]);
});

test("what began under the identity after that is not meant", () => {
  const again = died(1200).add(1500, { kind: "up", id: "id-n1-again" }, "n1");
  const input = { work: 9000, listens: true };
  again.ask(0, { do: "enqueue", task: "tick", runs: [{ id: "run-2", input }] });
  expect(found(again.attempt({ run: "run-2", at: 2000, takes: 9000, input }))).toEqual([]);
});
