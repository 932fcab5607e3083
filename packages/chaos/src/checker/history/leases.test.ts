import { describe, expect, test } from "vitest";
import { dawn, MadeUp, nodeOf, runAt, secondly } from "../../../test/made-up.js";
import type { Fact } from "../../evidence/evidence.js";

const [n1, n2] = [nodeOf("n1"), nodeOf("n2")];

describe("terms", () => {
  const elected = (...terms: [node: string, epoch: number][]): string[] => {
    const history = new MadeUp();
    for (const [index, [node, epoch]] of terms.entries())
      history.add(100 * index, { kind: "elected", epoch }, node);
    return history.broken;
  };

  test("rise from election to election", () => {
    expect(elected(["n1", 1], ["n2", 2], ["n1", 3])).toEqual([]);
    expect(elected(["n1", 1], ["n2", 1])).toEqual(["epoch-order"]);
    expect(elected(["n1", 2], ["n2", 1])).toEqual(["epoch-order"]);
  });

  test("are told of one node each", () => {
    expect(new MadeUp().tell(0, `leaderElected ${n1} 1`).tell(10, `leaderElected ${n1} 1`).broken).toEqual(
      [],
    );
    expect(new MadeUp().tell(0, `leaderElected ${n1} 1`).tell(10, `leaderElected ${n2} 1`).broken).toEqual([
      "epoch-order",
    ]);
  });
});

/** The leases at a moment: who leads in which term, until when; n1's lease as a node. */
function leases(
  history: MadeUp,
  ms: number,
  leader: string | null,
  epoch: number,
  until: number,
  n1Until = until,
): MadeUp {
  return history.add(ms, {
    kind: "leases",
    t: dawn + ms,
    nodes: { [n1]: dawn + n1Until },
    leader,
    epoch,
    until: dawn + until,
  });
}

/** n1 leads in term 1 until 5000, and another sample says who leads in term 2. */
function taken(at: number, by = n2): MadeUp {
  const history = new MadeUp().add(0, { kind: "elected", epoch: 1 }, "n1");
  return leases(leases(history, 0, n1, 1, 5000), at, by, 2, at + 5000);
}

describe("the lease of a leader", () => {
  const says = (reason: string): Fact => {
    return { kind: "event", event: "leaderLost", details: { node: n1, epoch: 1, reason } };
  };

  test("is nobody else's before it ends", () => {
    expect(taken(5000).broken).toEqual([]);
    expect(taken(4999).broken).toEqual(["lease-exclusive"]);
    expect(taken(1000, n1).broken).toEqual(["lease-exclusive"]);
  });

  test("is free when the leader lets go of it", () => {
    for (const reason of ["resigned", "closed", "stalled"])
      expect(taken(1000).add(900, says(reason), "n1").broken).toEqual([]);
  });

  test("was not let go of by whom it was taken from", () => {
    for (const reason of ["expired", "refused"])
      expect(taken(1000).tell(1100, `leaderLost ${n1} 1`).add(1100, says(reason), "n1").broken).toEqual([
        "lease-exclusive",
      ]);
    expect(taken(1000).tell(900, `nodeLeft ${n1}`).broken).toEqual(["lease-exclusive"]);
  });

  test("is taken anew by whoever has it still and holds its term for over", () => {
    expect(taken(1000, n1).add(900, says("expired"), "n1").broken).toEqual([]);
  });

  test("may have been taken anew by whoever had it, and let go of, between two looks", () => {
    const history = (reason: string): MadeUp => {
      const made = new MadeUp().add(0, { kind: "elected", epoch: 1 }, "n1");
      leases(leases(made, 0, n1, 1, 5000), 4900, n2, 3, 9000);
      made.add(4700, { kind: "elected", epoch: 2 }, "n1");
      const details = { node: n1, epoch: 2, reason };
      return made.add(4800, { kind: "event", event: "leaderLost", details });
    };
    const unheard = new MadeUp().add(0, { kind: "elected", epoch: 1 }, "n1");
    leases(leases(unheard, 0, n1, 1, 5000), 4900, n2, 3, 9000);
    expect(unheard.add(4500, says("expired")).broken).toEqual([]);
    expect(history("resigned").add(4500, says("expired")).broken).toEqual([]);
    expect(history("resigned").broken).toEqual(["lease-exclusive"]);
    expect(history("expired").add(4500, says("expired")).broken).toEqual(["lease-exclusive"]);
  });

  test("is nobody's in a term for which no node was elected: it was handed back as soon as it was answered", () => {
    const unheard = leases(leases(new MadeUp(), 0, n1, 1, 5000), 1000, n2, 2, 6000);
    expect(unheard.broken).toEqual([]);
  });
});

test("what somebody deletes by hand ends leases and takes locks away, and nobody is blamed for it", () => {
  const fault = (name: string, from: number) => {
    return {
      kind: "fault",
      fault: name,
      target: "-",
      from: dawn + from,
      until: dawn + from + 10,
      proof: "DEL answered 1",
    } as const;
  };
  expect(taken(1000).add(900, fault("leader-lease-deleted", 500)).broken).toEqual([]);
  expect(taken(1000).add(2900, fault("leader-lease-deleted", 2500)).broken).toEqual(["lease-exclusive"]);
  // Each time at one voter only, and at the same one it is the same vote.
  const unlocked = (votes: number, ...deleted: [at: number, voter: string][]): string[] => {
    const history = new MadeUp({ voters: 3 })
      .define(-500, secondly("job"))
      .attempt({ run: runAt("job", 0), at: 5 })
      .add(600, { kind: "lock", attempts: { [`${runAt("job", 0)}#1`]: votes } });
    for (const [from, target] of deleted) history.add(700, { ...fault("locks-deleted", from), target });
    return history.broken;
  };
  expect(unlocked(1, [100, "voter-0"])).toEqual([]);
  expect(unlocked(0, [100, "voter-0"], [200, "voter-1"])).toEqual([]);
  expect(unlocked(1, [-100, "voter-0"])).toEqual(["unlocked-start"]);
  expect(unlocked(0, [100, "voter-0"])).toEqual(["unlocked-start"]);
  expect(unlocked(0, [100, "voter-0"], [200, "voter-0"])).toEqual(["unlocked-start"]);
});

describe("a node is dead", () => {
  const run = { run: runAt("job", 0), at: 5, ends: "never" } as const;
  const died = (at: number): MadeUp =>
    leases(new MadeUp().define(-500, secondly("job")), 0, null, 0, 0, 1000)
      .attempt(run)
      .tell(at, `nodeDead ${n1}`);

  test("when its lease has ended, and not before", () => {
    expect(died(1001).lost(1001, run, true).broken).not.toContain("dead-too-early");
    expect(died(999).lost(999, run, true).broken).toContain("dead-too-early");
  });

  test("for good: it is given nothing and ends nothing from then on", () => {
    const given = `started ${runAt("job", 1000)} 1 ${new MadeUp().token(1200)} ${n1}`;
    expect(died(1001).tell(1200, given).broken).toContain("dead-node-works");
    const ended = `ended ${run.run} ${dawn} ${dawn + 5} ${dawn + 1200} s 1 ${new MadeUp().token(5)} ${n1}  `;
    expect(died(1001).tell(1200, ended).broken).toContain("dead-node-works");
  });
});

describe("a node whose lease has ended", () => {
  const run = { run: runAt("job", 0), at: 5, takes: 1300 } as const;
  /** n1's lease is seen to last until `until`, and again 150 ms after something. */
  const seen = (until: number, later: number | undefined, history = new MadeUp()): MadeUp => {
    leases(history.define(-500, secondly("job", { endAt: dawn })).attempt(run), 1200, null, 0, 0, until);
    const nodes = later === undefined ? {} : { [n1]: dawn + later };
    return history.add(1350, { kind: "leases", t: dawn + 1350, nodes, leader: null, epoch: 0, until: 0 });
  };

  test("is given nothing and has nothing accepted, also before it is declared dead", () => {
    expect(seen(1305, 1305).broken).toEqual([]);
    expect(seen(1304, 1304).broken).toEqual(["no-lease"]);
    const given = `started run-1 1 ${new MadeUp().token(1320)} ${n1}`;
    expect(seen(1310, 1310).tell(1320, given).broken).toContain("no-lease");
  });

  test("may have had it prolonged between two looks, unless it was declared dead too soon for that", () => {
    expect(seen(1250, 9000).broken).toEqual([]);
    expect(seen(1250, undefined).broken).toEqual([]);
    const before = (): MadeUp => leases(new MadeUp(), -100, null, 0, 0, 900);
    expect(seen(1250, undefined, before()).tell(1340, `nodeDead ${n1}`).broken).toContain("no-lease");
    expect(seen(1250, undefined, before()).tell(2300, `nodeDead ${n1}`).broken).toEqual([]);
  });

  test("and is off the list does not come back to it", () => {
    const off = (joined: number): string[] => {
      const history = new MadeUp().define(-500, secondly("job", { endAt: dawn })).attempt(run);
      history.add(800, { kind: "leases", t: dawn + 800, nodes: {}, leader: null, epoch: 0, until: 0 });
      return history.tell(joined, `nodeJoined ${n1}`).broken;
    };
    expect(off(-500)).toEqual(["no-lease"]);
    expect(off(801)).toEqual([]);
  });

  test("is judged only where looks and steps have one order", () => {
    expect(seen(1304, 1304, new MadeUp({ keepsWrites: false })).broken).toEqual([]);
    const moved = (from: number, until: number, ahead: number): string[] =>
      seen(1304, 1304, new MadeUp().moveClock(from, until, ahead)).broken;
    expect(moved(1100, 1400, -50)).toEqual([]);
    expect(moved(1310, 1400, -50)).toEqual([]); // not yet, but at the next look
    expect(moved(100, 200, -50)).toEqual(["no-lease"]);
    expect(moved(100, 200, 1000)).toEqual(["no-lease"]);
    expect(moved(100, 200, 1200)).toEqual([]); // it stands still until 1400
  });
});

describe("nothing is lost", () => {
  const run = { run: runAt("job", 0), at: 5, ends: "never" } as const;
  const base = (voters = 0): MadeUp => new MadeUp({ voters }).define(-500, secondly("job")).attempt(run);
  const again = { run: run.run, attempt: 2, at: 600, node: "n2" };
  const lost = (history: MadeUp): string[] => history.lost(500, run, true).attempt(again).heal(700).broken;

  test("of a node that neither died nor left", () => {
    expect(lost(base())).toEqual(["lost-for-nothing"]);
    expect(lost(base().tell(490, `nodeDead ${n1}`))).toEqual([]);
  });

  test("of a node that is being restarted and has not left yet", () => {
    const when = { from: dawn + 450, until: dawn + 550, proof: "it ended" };
    const restarted = (): MadeUp =>
      base().add(900, { kind: "fault", fault: "node-restart", target: "n1", ...when });
    expect(lost(restarted())).toEqual(["lost-for-nothing"]);
    expect(lost(restarted().tell(490, `nodeLeft ${n1}`))).toEqual([]);
  });

  test("for a lock that refused nobody, or another attempt, another node, or when it was given up already", () => {
    expect(lost(base(3))).toEqual(["lost-for-nothing"]);
    const refused = (at: number, node = "n1", voters = 3): MadeUp =>
      base(voters).add(at, { kind: "event", event: "lockRefused", details: { runId: run.run } }, node);
    expect(lost(refused(400))).toEqual([]);
    expect(lost(refused(400, "n2"))).toEqual(["lost-for-nothing"]);
    expect(lost(refused(700))).toEqual(["lost-for-nothing"]);
    expect(lost(refused(400, "n1", 0))).toEqual(["lost-for-nothing"]);
    const given = { ...again, ends: "never" } as const;
    const third = { run: run.run, attempt: 3, at: 900 };
    const twice = (...nodes: string[]): string[] => {
      const history = refused(400).lost(500, run, true).attempt(given);
      const details = { runId: run.run };
      for (const node of nodes) history.add(750, { kind: "event", event: "lockRefused", details }, node);
      return history.lost(800, given, true).attempt(third).heal(1000).broken;
    };
    expect(twice("n2")).toEqual([]);
    expect(twice()).toEqual(["lost-for-nothing"]);
  });

  test("for a lock on the store itself, where voters hold the locks", () => {
    const head = `${dawn} 0 ${dawn + 5} l 1 0 ${n1}`;
    const told = `again ${run.run} ${head} ${dawn + 500}`;
    const history = new MadeUp({ voters: 3 }).define(-500, secondly("job")).tell(5, told);
    expect(history.attempt(again).heal(700).broken).toEqual(["lost-for-nothing"]);
  });
});

test("with voters an attempt begins only under a lock that most of them hold", () => {
  const locked = (votes: number): string[] =>
    new MadeUp({ voters: 3 })
      .define(-500, secondly("job"))
      .attempt({ run: runAt("job", 0), at: 5 })
      .heal(500)
      .add(600, { kind: "lock", attempts: { [`${runAt("job", 0)}#1`]: votes } }).broken;
  expect(locked(2)).toEqual([]);
  expect(locked(1)).toEqual(["unlocked-start"]);
});
