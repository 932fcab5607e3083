import { describe, expect, test } from "vitest";
import { dawn, idIn, MadeUp, type MadeUpAttempt, nodeOf, runAt, secondly } from "../../../test/made-up.js";
import type { Fact, TrialFact } from "../../evidence/evidence.js";

const partitions = 4;
const [n1, n2] = [nodeOf("n1"), nodeOf("n2")];
/** A job of each partition. */
const [home = "", one = "", two = ""] = [0, 1, 2].map((partition) => idIn(partition, partitions));

const spread = (trial: Partial<TrialFact> = {}): MadeUp => new MadeUp({ partitions, ...trial });
const runOf = (job: string, ms: number, more: Partial<MadeUpAttempt> = {}): MadeUpAttempt => ({
  run: runAt(job, ms),
  at: ms + 5,
  ...more,
});

/** The rules that are broken besides that of what is due: these histories tell of a part of it alone. */
const rulesOf = (history: MadeUp): string[] =>
  history.broken.filter((rule) => rule !== "missed" && rule !== "never-due");

test("what happens in each partition as it should breaks no rule", () => {
  const history = spread().define(-500, secondly(home), secondly(one), secondly(two));
  for (const job of [home, one, two]) history.runs(job, 0, 5000);
  expect(history.heal(6000).broken).toEqual([]);
});

test("in each partition a lost run, a doubled start and one that was not given out are found", () => {
  for (const job of [home, one, two]) {
    const begun = (): MadeUp => spread().define(-500, secondly(job)).runs(job, 0, 2000);
    expect(begun().runs(job, 4000, 5000).heal(6000).broken).toContain("missed");
    const again = { run: runAt(job, 1000), attempt: 1 };
    const start = (token: string): Fact => ({ kind: "start", ...again, token, scheduledAt: dawn + 1000 });
    expect(begun().add(1020, start(begun().token(1005)), "n2").broken).toContain("duplicate");
    expect(begun().add(1020, start(begun().token(1007)), "n2").broken).toContain("unclaimed-start");
  }
});

test("what is told or kept in a partition in which it does not live is found", () => {
  const run = runAt(one, 0);
  expect(spread().tellIn(2, 5, `started ${run} 1 5 ${n1}`).broken).toContain("misplaced");
  const key = { type: "hash", size: 1, value: { [one]: "…" } };
  expect(spread().store(100, "during", { jobs: key }, 1).broken).toEqual([]);
  expect(spread().store(100, "during", { jobs: key }, 2).broken).toEqual(["misplaced"]);
});

test("tokens rise in each partition: in two they may be the same, or fall from one to the other", () => {
  const given = (job: string, at: number, token: number): ((history: MadeUp) => MadeUp) => {
    const fact = { run: runAt(job, 0), attempt: 1, token: String(token) };
    return (history) =>
      history
        .tell(at, `started ${fact.run} 1 ${fact.token} ${n1}`)
        .add(at + 1, { kind: "claimed", ...fact, claimedAt: dawn + at }, "n1");
  };
  const other = idIn(1, partitions, "other");
  expect(rulesOf(given(two, 20, 7)(given(one, 5, 7)(spread())))).toEqual([]);
  expect(rulesOf(given(two, 20, 6)(given(one, 5, 7)(spread())))).toEqual([]);
  expect(rulesOf(given(other, 20, 6)(given(one, 5, 7)(spread())))).toEqual(["token-order"]);
});

describe("a pause of everything", () => {
  const paused = (): MadeUp =>
    spread()
      .define(-500, secondly(home), secondly(one))
      .ask(1000, { do: "set", name: "all" })
      .ask(5000, { do: "del", name: "all" });
  /** It is given out at one moment, and begins at another. */
  const begins = (job: string, at: number, after: number, history = paused()): string[] => {
    const fact = { run: runAt(job, 0), attempt: 1, token: history.token(at) };
    return rulesOf(
      history
        .tell(at, `started ${fact.run} 1 ${fact.token} ${n1}`)
        .add(at + 1, { kind: "claimed", ...fact, claimedAt: dawn + at }, "n1")
        .add(after, { kind: "start", ...fact, scheduledAt: dawn }, "n1"),
    );
  };

  test("holds in the first partition as it does where there is one", () => {
    expect(begins(home, 1005, 1100)).toEqual([]);
    expect(begins(home, 1005, 1400)).toEqual(["paused-start"]);
    expect(begins(home, 1300, 1301)).toEqual(["paused-claim"]);
  });

  test("holds in others within a second, whatever befalls the store, and unless the process stood still", () => {
    expect(begins(one, 1005, 1900)).toEqual([]);
    expect(begins(one, 1500, 1900)).toEqual([]);
    expect(begins(one, 1005, 2050)).toEqual(["paused-start"]);
    expect(begins(one, 1700, 2050)).toEqual(["paused-start"]);
    const fault = (name: string, target: string): MadeUp =>
      paused().add(2000, {
        ...{ kind: "fault", fault: name, target, proof: "it hit" },
        ...{ from: dawn + 1500, until: dawn + 2000 },
      } as Fact);
    expect(begins(one, 1005, 2050, fault("redis-freeze", "store-0"))).toEqual(["paused-start"]);
    expect(begins(one, 1005, 2050, fault("node-freeze", "n2"))).toEqual(["paused-start"]);
    expect(begins(one, 1005, 2050, fault("node-freeze", "n1"))).toEqual([]);
  });

  test("lets go back what was given out in others meanwhile", () => {
    expect(rulesOf(paused().given(3000, { run: runAt(one, 3000) }))).toEqual([]);
  });
});

test("the pause of a node holds whatever its process has, under each of its names", () => {
  const other = nodeOf("n1-anew");
  const broken = (pause: string): string[] => rulesOf(heldBy(pause));
  const heldBy = (pause: string): MadeUp =>
    spread()
      .add(500, { kind: "up", id: other }, "n1")
      .tellIn(2, 500, `nodeJoined ${other}`)
      .define(-500, secondly(one))
      .ask(1000, { do: "set", name: `node:${pause}` })
      .attempt(runOf(one, 3000))
      .ask(5000, { do: "del", name: `node:${pause}` });
  expect(broken(other)).toEqual(["paused-start"]);
  expect(broken(n1)).toEqual(["paused-start"]);
  expect(broken(n2)).toEqual([]);
  // That of a process which had its place before.
  const next = heldBy(n1).add(400, { kind: "event", event: "began", details: { pid: 1 } }, "n1");
  expect(rulesOf(next)).toEqual([]);
});

describe("places of a limit", () => {
  const limits = { "task:tick": { max: 1, whenFull: "skip" } } as const;
  const limited = (): MadeUp => spread({ limits }).define(-500, secondly(one), secondly(two));

  test("are counted over all partitions, in which the end of one run may free the place of another in the same millisecond", () => {
    const first = runOf(two, 0, { takes: 995 });
    const broken = (at: number): string[] =>
      rulesOf(
        limited()
          .attempt(first)
          .attempt({ run: runAt(one, 0), at }),
      );
    expect([broken(1005), broken(1000), broken(900)]).toEqual([[], [], ["limit"]]);
  });

  test("are taken for a skip where another partition has them, or has lent or had them a moment ago", () => {
    const skipped = (at: number): string[] =>
      rulesOf(
        limited()
          .attempt(runOf(two, 0, { takes: 500 }))
          .ended(at, runAt(one, 0), "k", "limit"),
      );
    expect([skipped(400), skipped(900), skipped(1500)]).toEqual([[], [], ["skipped-for-nothing"]]);
    const lent = limited().ended(0, runAt(one, 0), "k", "limit");
    expect(rulesOf(lent.attempt(runOf(two, 0, { at: 100 })))).toEqual([]);
    const back = (at: number): string[] =>
      rulesOf(
        limited()
          .given(100, { run: runAt(two, 0) })
          .ended(at, runAt(one, 0), "k", "limit"),
      );
    expect([back(300), back(16_500)]).toEqual([[], ["skipped-for-nothing"]]);
  });
});

test("a run follows its parent's in another partition", () => {
  const { trigger: _, ...rest } = secondly(one);
  const history = (at: number): MadeUp =>
    spread()
      .define(-500, secondly(two), { ...rest, dependsOn: [two] })
      .attempt(runOf(two, 0, { takes: 100 }))
      .attempt({ run: runAt(one, 0), at });
  expect(history(150).broken).toEqual([]);
  expect(history(105).broken).toEqual([]);
  expect(history(100).broken).toContain("never-due");
});

describe("leases", () => {
  const look = (history: MadeUp, ms: number, partition: number, leader: string, epoch: number): MadeUp =>
    history.add(ms, {
      ...{ kind: "leases", t: dawn + ms, leader, epoch, until: dawn + 5000, partition },
      nodes: { [n1]: dawn + 9000, [n2]: dawn + 9000 },
    });

  test("are one for each partition", () => {
    const elected = (): MadeUp =>
      spread()
        .add(0, { kind: "elected", epoch: 1, partition: 1 }, "n1")
        .add(5, { kind: "elected", epoch: 1, partition: 2 }, "n2");
    const first = look(elected(), 10, 1, n1, 1);
    expect(look(first, 20, 2, n2, 1).broken).toEqual([]);
    expect(look(look(elected(), 10, 1, n1, 1), 20, 1, n2, 2).broken).toEqual(["lease-exclusive"]);
    const again: Fact = { kind: "elected", epoch: 1, partition: 2 };
    expect(elected().add(50, again, "n1").broken).toEqual(["epoch-order"]);
  });

  test("end in each partition by themselves: who is dead in one works in another", () => {
    const dead = (): MadeUp => spread().define(-500, secondly(one)).tellIn(2, 500, `nodeDead ${n1}`);
    expect(rulesOf(dead().attempt(runOf(one, 1000)))).toEqual([]);
    const there = spread().define(-500, secondly(one)).tellIn(1, 500, `nodeDead ${n1}`);
    expect(rulesOf(there.attempt(runOf(one, 1000)))).toEqual(["dead-node-works"]);
  });

  test("that a fault deleted in one partition explain nothing in another", () => {
    const at = { from: dawn + 400, until: dawn + 401 };
    const fault: Fact = {
      ...{ kind: "fault", fault: "node-lease-deleted", target: "n1", ...at },
      proof: `ZREM escapement:{made-up:1}:nodes ${n1} answered 1`,
    };
    const mended = (partition: number): string[] =>
      spread().add(401, fault).tellIn(partition, 800, `mended ${n1} node without a lease`).broken;
    expect(mended(1)).toEqual([]);
    expect(mended(2)).toEqual(["mended"]);
  });
});

test("what a partition has lost explains what comes of it there, and nothing in another", () => {
  const lost = (partition: number): string[] => {
    const history = spread({ keepsWrites: false, topology: "cluster" }).define(-500, secondly(one));
    const away = { run: runAt(one, 1000), attempt: 1, token: history.token(1005) };
    history.add(1006, { kind: "start", ...away, scheduledAt: dawn + 1000 }, "n1");
    history.add(1006, { kind: "start", ...away, scheduledAt: dawn + 1000 }, "n2");
    const other = idIn(partition, partitions, "gone");
    history.tell(1005, `started ${runAt(other, 1000)} 1 9 ${n1}`);
    const entry = history.evidence.findLast((line) => line.kind === "told")?.entry ?? "";
    return history.add(9000, { kind: "unkept", entries: [entry], partition }).broken;
  };
  expect(lost(1)).not.toContain("duplicate");
  expect(lost(2)).toContain("duplicate");
});

test("a run that was skipped for what its parent's partition has lost since was so for a reason", () => {
  const { trigger: _, ...rest } = secondly(one);
  const lost = (entries: (history: MadeUp) => readonly string[]): string[] => {
    const history = spread({ keepsWrites: false, topology: "cluster" })
      .define(-500, secondly(two), { ...rest, dependsOn: [two] })
      .attempt(runOf(two, 0, { ends: "f" }));
    history.ended(50, runAt(one, 0), "k", "dependency");
    return rulesOf(history.add(9000, { kind: "unkept", entries: entries(history), partition: 2 }));
  };
  const ofParent = (history: MadeUp): string[] =>
    history.evidence.flatMap((line) =>
      line.kind === "told" && line.partition === 2 && line.lines.some((text) => text.includes(two))
        ? [line.entry]
        : [],
    );
  expect(lost(ofParent)).not.toContain("skipped-for-nothing");
  expect(
    rulesOf(
      spread({ keepsWrites: false })
        .define(-500, secondly(two), { ...rest, dependsOn: [two] })
        .attempt(runOf(two, 0))
        .ended(50, runAt(one, 0), "k", "dependency"),
    ),
  ).toContain("skipped-for-nothing");
});

test("in the end no partition has a copy of a pause, nor is anything missing of what was taken down of each", () => {
  const left = (name: string): string[] =>
    spread().store(900, "stopped", { [name]: { type: "string", size: 1, value: "…" } }, 2).broken;
  for (const name of ["inbox", "outbox:3", "lent:all", "borrowed:queue:a"]) expect(left(name)).toEqual([]);
  for (const name of ["pause:all", "carry", "edges"]) expect(left(name)).toEqual(["left-behind"]);
});
