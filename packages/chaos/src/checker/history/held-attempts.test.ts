import { describe, expect, test } from "vitest";
import { dawn, MadeUp, type MadeUpAttempt, nodeOf, runAt, secondly } from "../../../test/made-up.js";

const run = runAt("job", 1000);
const node = nodeOf("n1");
const base = (): MadeUp =>
  new MadeUp()
    .define(-500, secondly("job"))
    .tell(-400, `nodeJoined ${node}`)
    .attempt({ run: runAt("job", 0), at: 5, node: "n2" });
/** A handler asks, and hears an answer 5 ms later. */
const asks = (history: MadeUp, ms: number, by: "progress" | "extend", answer: string): MadeUp =>
  history.add(
    ms + 5,
    { kind: "held", run, attempt: 1, token: history.token(1005), by, asked: dawn + ms, answer },
    "n1",
  );
/** A look at leases: until when the node's lasts, if it has one. */
const look = (history: MadeUp, ms: number, until?: number): MadeUp => {
  const nodes = until === undefined ? {} : { [node]: dawn + until };
  return history.add(
    ms,
    { kind: "leases", t: dawn + ms, nodes, leader: null, epoch: 0, until: 0 },
    "watcher",
  );
};

describe.each(["progress", "extend"] as const)("%s()", (by) => {
  const ended = (attempt: Partial<MadeUpAttempt>): MadeUp =>
    base().attempt({ run, at: 1005, takes: 300, ...attempt });

  test("does not succeed once its attempt has ended, however that was", () => {
    for (const ends of ["s", "f"] as const) {
      expect(asks(ended({ ends }), 1200, by, "done").broken).toEqual([]);
      expect(asks(ended({ ends }), 2000, by, "done").broken).toContain("held-after-end");
      expect(asks(ended({ ends }), 2000, by, "LEASE_LOST").broken).not.toContain("held-after-end");
    }
  });

  test("does not succeed for an attempt that was taken over", () => {
    const lost = { run, at: 1005, ends: "never" } as const;
    const over = (): MadeUp =>
      base()
        .attempt(lost)
        .tell(1400, `nodeDead ${node}`)
        .lost(1500, lost, true)
        .attempt({ run, attempt: 2, at: 1600, node: "n2" });
    expect(asks(over(), 1300, by, "done").broken).toEqual([]);
    expect(asks(over(), 1700, by, "LEASE_LOST").broken).toEqual([]);
    expect(asks(over(), 1700, by, "done").broken).toEqual(["held-after-end"]);
  });

  test("does not succeed after the end of its node's lease, though nobody has declared that dead", () => {
    const asked = (until: number | undefined, then: number | undefined, answer = "done"): string[] => {
      const history = base().attempt({ run, at: 1005, ends: "never" }).heal(1010);
      const looked = look(look(look(history, 1050, 1200), 2000, until), 2500, then);
      return asks(looked, 2200, by, answer).broken.filter((rule) => rule.startsWith("held"));
    };
    expect(asked(1200, 1200)).toEqual(["held-after-end"]);
    expect(asked(undefined, undefined)).toEqual(["held-after-end"]);
    expect(asked(1200, 1200, "LEASE_LOST")).toEqual([]);
    expect(asked(1200, 9000)).toEqual([]); // prolonged between
    expect(asked(9000, 9000)).toEqual([]);
  });

  test("is not refused while its node holds the attempt", () => {
    const refused = (answer: string, until: number): string[] => {
      const history = base().attempt({ run, at: 1005, takes: 900 });
      return asks(look(look(history, 1050, until), 1500, until), 1200, by, answer).broken;
    };
    expect(refused("LEASE_LOST", 9000)).toEqual(["held-refused"]);
    expect(refused("LEASE_LOST", 1203)).toEqual([]);
    expect(refused("REDIS_TIMEOUT", 9000)).toEqual([]);
    expect(refused("done", 9000)).toEqual([]);
  });
});
