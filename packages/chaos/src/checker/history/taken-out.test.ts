import { describe, expect, test } from "vitest";
import { dawn, MadeUp, nodeOf, runAt, secondly } from "../../../test/made-up.js";

const [n1, n2] = [nodeOf("n1"), nodeOf("n2")];
const mended = (id: string): string => `mended ${id} node without a lease`;

/** A fault takes n1 off the list of nodes at 500, or tries to. */
function takenOut(history: MadeUp = new MadeUp(), hits = true): MadeUp {
  const proof = hits ? `ZREM escapement:{made-up}:nodes ${n1} answered 1` : "";
  const [from, until] = [dawn + 500, dawn + 505];
  return history.add(505, { kind: "fault", fault: "node-lease-deleted", target: "n1", from, until, proof });
}

describe("that a fault took a node off the list excuses", () => {
  test("that the sweeper mends it, and nothing else that it mends", () => {
    const broken = (ms: number, line: string, hits = true): string[] =>
      takenOut(new MadeUp(), hits).tell(ms, line).broken;
    expect(broken(2600, mended(n1))).toEqual([]);
    expect(broken(2600, mended(n2))).toEqual(["mended"]);
    expect(broken(2600, `mended ${n1} place of no run`)).toEqual(["mended"]);
    expect(broken(2600, `mended ${runAt("job", 0)} in no place`)).toEqual(["mended"]);
    expect(broken(2600, mended(n1), false)).toEqual(["mended"]);
    expect(broken(400, mended(n1))).toEqual(["mended"]);
  });

  test("that it does so as soon as it comes by, and no later, unless another fault keeps it from that", () => {
    const late = (): MadeUp => takenOut().tell(22_000, mended(n1));
    expect(late().broken).toEqual(["mended"]);
    const away = { kind: "fault", fault: "redis-freeze", target: "store-0", proof: "stood still" } as const;
    expect(late().add(4000, { ...away, from: dawn + 1000, until: dawn + 4000 }).broken).toEqual([]);
  });

  test("what the doctor says of so many nodes, and of nothing else", () => {
    const says = (what: string): string[] => {
      const message = `The sweeper has put right: ${what}. Did the store lose writes?`;
      const findings = [{ check: "sweeper", level: "warning", message }];
      return takenOut().tell(2600, mended(n1)).add(9000, { kind: "doctor", findings }).broken;
    };
    expect(says("node without a lease: 1")).toEqual([]);
    expect(says("node without a lease: 2")).toEqual(["doctor"]);
    expect(says("node without a lease: 1, in no place: 1")).toEqual(["doctor"]);
  });

  test("that this node is declared dead while its lease seems to last, and no other", () => {
    const died = (id: string, hits = true): string[] => {
      const history = new MadeUp().add(400, {
        kind: "leases",
        t: dawn + 400,
        nodes: { [n1]: dawn + 9000, [n2]: dawn + 9000 },
        ...{ leader: null, epoch: 0, until: 0 },
      });
      return takenOut(history, hits).tell(1500, `nodeDead ${id}`).broken;
    };
    expect(died(n1)).toEqual([]);
    expect(died(n2)).toEqual(["dead-too-early"]);
    expect(died(n1, false)).toEqual(["dead-too-early"]);
  });

  test("that what this node held is lost once the sweeper has found it, and nothing of another node", () => {
    const lost = (node: "n1" | "n2", ms: number): string[] => {
      const attempt = { run: runAt("job", 0), at: 5, ends: "never", node } as const;
      const history = takenOut(new MadeUp().define(-500, secondly("job", { endAt: dawn })).attempt(attempt));
      return history
        .tell(2600, mended(n1))
        .lost(ms, attempt, true)
        .attempt({ run: runAt("job", 0), attempt: 2, at: ms + 10, node: "n2" }).broken;
    };
    expect(lost("n1", 2700)).toEqual([]);
    expect(lost("n1", 2500)).toEqual(["lost-for-nothing"]);
    expect(lost("n2", 2700)).toEqual(["lost-for-nothing"]);
  });

  test("that this node's handlers are told that they hold nothing any more, and no other's", () => {
    const refused = (node: "n1" | "n2", hits = true): string[] => {
      const run = runAt("job", 0);
      const history = new MadeUp()
        .define(-500, secondly("job", { endAt: dawn }))
        .attempt({ run, at: 5, takes: 900, node });
      for (const ms of [50, 800]) {
        const nodes = { [n1]: dawn + 9000, [n2]: dawn + 9000 };
        history.add(ms, { kind: "leases", t: dawn + ms, nodes, leader: null, epoch: 0, until: 0 });
      }
      const asked = { by: "extend", asked: dawn + 600, answer: "LEASE_LOST" } as const;
      const held = { kind: "held", run, attempt: 1, token: history.token(5), ...asked } as const;
      return takenOut(history, hits).add(605, held, node).broken;
    };
    expect(refused("n1")).toEqual([]);
    expect(refused("n1", false)).toEqual(["held-refused"]);
    expect(refused("n2")).toEqual(["held-refused"]);
  });
});

test("that nodes are restarted excuses no loss: whoever leaves says so as it gives up what it holds", () => {
  const lost = (...told: string[]): string[] => {
    const attempt = { run: runAt("job", 0), at: 5, ends: "never" } as const;
    const history = new MadeUp().define(-500, secondly("job", { endAt: dawn })).attempt(attempt);
    const fault = { kind: "fault", fault: "rolling-restart", target: "nodes", proof: "3 nodes" } as const;
    return history
      .add(1900, { ...fault, from: dawn + 500, until: dawn + 1900 })
      .tell(950, ...told)
      .lost(1000, attempt, true)
      .attempt({ run: runAt("job", 0), attempt: 2, at: 1010, node: "n2" }).broken;
  };
  expect(lost(`nodeLeft ${n1}`)).toEqual([]);
  expect(lost(`nodeLeft ${n2}`)).toEqual(["lost-for-nothing"]);
});
