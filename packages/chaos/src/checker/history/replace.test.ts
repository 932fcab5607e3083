import { describe, expect, test } from "vitest";
import { dawn, MadeUp, nodeOf, runAt, secondly } from "../../../test/made-up.js";

const [older, newer] = [runAt("job", 0), runAt("job", 1000)];
const base = (): MadeUp =>
  new MadeUp().define(-500, secondly("job", { overlap: "replace", retry: { attempts: 3 } }));
const rule = "replaced-goes-on";

describe("a run that a newer one replaces", () => {
  test("ends, by itself or as cancelled, and has no other attempt", () => {
    const beside = (ends: "s" | "again"): MadeUp =>
      base().attempt({ run: older, at: 5, takes: 1300, ends }).attempt({ run: newer, at: 1005 });
    expect(beside("s").broken).toEqual([]);
    expect(beside("again").broken).toEqual([rule]);
    const apart = base().attempt({ run: older, at: 5, takes: 900, ends: "again", wait: 200 });
    expect(
      apart.attempt({ run: newer, at: 1005 }).attempt({ run: older, attempt: 2, at: 1300 }).broken,
    ).toEqual([rule]);
  });

  test("may not go on where its node was taken off the list of nodes by hand either", () => {
    const proof = `ZREM escapement:{made-up}:nodes ${nodeOf("n1")} answered 1`;
    const fault = { kind: "fault", fault: "node-lease-deleted", target: "n1", proof } as const;
    expect(
      base()
        .add(10, { ...fault, from: dawn + 10, until: dawn + 20 })
        .attempt({ run: older, at: 5, takes: 1300, ends: "again" })
        .attempt({ run: newer, at: 1005, node: "n2" })
        .tell(1400, `mended ${nodeOf("n1")} node without a lease`).broken,
    ).toEqual([rule]);
  });

  test("is cancelled only by one that was given out by then", () => {
    const cut = (at: number): string[] =>
      base()
        .attempt({ run: older, at: 5, takes: 900, ends: "again", wait: 500 })
        .ended(1005, older, "c", "overlap")
        .attempt({ run: newer, at }).broken;
    expect(cut(1005)).toEqual([]);
    expect(cut(1006)).toEqual(["cancelled-for-nothing"]);
  });
});

test("a further attempt replaces nothing: it waits for the end of the newer run", () => {
  const second = (at: number): string[] => {
    const first = { run: older, at: 5, ends: "never" } as const;
    const history = base()
      .attempt(first)
      .tell(400, `nodeDead ${nodeOf("n1")}`)
      .lost(400, first, true);
    history.attempt({ run: older, attempt: 2, at: 500, ends: "again", wait: 100, node: "n2" });
    history.ended(1005, older, "c", "overlap").attempt({ run: newer, at: 1005, takes: 300, node: "n2" });
    // Another one, by hand, that had its first attempt before.
    return history.attempt({ run: runAt("job", 2000), attempt: 2, at, node: "n2" }).broken;
  };
  expect(second(1200)).toContain(rule);
  expect(second(1400)).not.toContain(rule);
});
