import { describe, expect, test } from "vitest";
import { dawn, MadeUp, nodeOf, runAt, secondly } from "../../../test/made-up.js";
import type { DumpedKey, StoreDump } from "../../evidence/store-dump.js";

const run = runAt("job", 1000);
const set = (...members: string[]): DumpedKey => ({
  type: "zset",
  size: members.length,
  value: Object.fromEntries(members.map((one) => [one, "0"])),
});
const hash = (value: Record<string, string>): DumpedKey => ({
  type: "hash",
  size: Object.keys(value).length,
  value,
});
const members = (...value: string[]): DumpedKey => ({ type: "set", size: value.length, value });
const seen = (dump: StoreDump): string[] => new MadeUp().store(100, "during", dump).broken;

describe("while it works, the store", () => {
  const waits: StoreDump = { waiting: set(run), unstarted: set(run) };
  const runs: StoreDump = {
    "active:n1": hash({ [run]: "…" }),
    running: hash({ job: `${run} 5` }),
    holds: hash({ [run]: "key:a" }),
    "held:key:a": members(run),
  };
  const ready: StoreDump = {
    "ready:default@tick": set(run),
    ready: set("default@tick"),
    unstarted: set(run),
  };

  test("has each run in one index", () => {
    for (const dump of [waits, runs, ready]) expect(seen(dump)).toEqual([]);
    expect(seen({ ...ready, ...waits })).toEqual(["unsound-store"]);
    expect(seen({ ...waits, "active:n1": hash({ [run]: "…" }) })).toEqual(["unsound-store"]);
  });

  test("is not judged while its slot moves, and is before and after that", () => {
    const fault = { kind: "fault", fault: "slot-migration", target: "slot", proof: "moved" } as const;
    const broken = (at: number): string[] =>
      new MadeUp()
        .add(300, { ...fault, from: dawn + 200, until: dawn + 300 })
        .store(at, "during", { ...ready, ...waits }).broken;
    expect([100, 250, 400].map(broken)).toEqual([["unsound-store"], [], ["unsound-store"]]);
  });

  test.each<[string, StoreDump]>([
    ["a run that waits nowhere", { unstarted: set(run) }],
    ["a queued run that is not listed by its job", { waiting: set(run) }],
    ["an attempt of no run", { attempts: hash({ [run]: "2 0" }) }],
    ["an enqueued run in no index", { runs: hash({ "run-1": "…" }) }],
    ["a job that no run holds", { running: hash({ job: `${run} 5` }) }],
    ["a place that nobody holds", { holds: hash({ [run]: "key:a" }) }],
    ["a holder without a place", { "active:n1": hash({ [run]: "…" }), "held:key:a": members(run) }],
    ["progress of nobody", { progress: hash({ [run]: "1" }) }],
    ["a run that waits for a key nowhere", { limited: hash({ [run]: "a" }) }],
    ["a lane that is not listed", { "ready:default@tick": set(run), unstarted: set(run) }],
    ["a lane that there is not", { ready: set("default@tick") }],
  ])("has not %s", (_, dump) => {
    expect(seen(dump)).toEqual(["unsound-store"]);
  });
});

describe("in the end", () => {
  const left = (name: string, when: "removed" | "stopped" = "stopped"): string[] =>
    new MadeUp()
      .define(-500, secondly("job", { endAt: 1 }))
      .store(900, when, { [name]: { type: "string", size: 1, value: "…" } }).broken;

  test("only those keys are left of which the layout says so", () => {
    for (const name of [
      "clock",
      "events",
      "history:~tick",
      "rate:key:api",
      "caller:abc-1",
      "dead-letters:mail",
    ])
      expect(left(name)).toEqual([]);
    for (const name of [
      "counts",
      "holds",
      "held:key:a",
      "pause:all",
      "active:n1",
      "paused-by:all",
      `lock:${run}#1`,
    ])
      expect(left(name)).toEqual(["left-behind"]);
  });

  test("what nodes have goes with them", () => {
    for (const name of ["nodes", "leader", "request:n1"]) {
      expect(left(name, "removed")).toEqual([]);
      expect(left(name, "stopped")).toEqual(["left-behind"]);
    }
  });

  test("the lock of an attempt that was given up may be left, to end by itself", () => {
    const lost = { run, at: 1005, ends: "never" } as const;
    const base = new MadeUp()
      .define(-500, secondly("job", { delivery: "at-most-once" }))
      .runs("job", 0, 0)
      .attempt(lost)
      .tell(1400, `nodeDead ${nodeOf("n1")}`);
    const history = base.lost(1500, lost, false).heal(1600);
    const dump = { [`lock:${run}#1`]: { type: "string", size: 1, value: "…" } } as const;
    expect(history.store(1700, "removed", dump).broken).toEqual([]);
  });

  test("nothing was mended, and the doctor finds nothing", () => {
    expect(new MadeUp().tell(100, `mended ${run} a run in no index`).broken).toEqual(["mended"]);
    const finding = (level: string): string[] =>
      new MadeUp().add(100, { kind: "doctor", findings: [{ check: "lag", level, message: "…" }] }).broken;
    expect(finding("ok")).toEqual([]);
    expect(finding("warning")).toEqual(["doctor"]);
  });

  test("all that was due has ended within the bound", () => {
    const removed = { kind: "phase", phase: "removed" } as const;
    expect(new MadeUp().heal(500).add(900, removed).broken).toEqual([]);
    expect(new MadeUp().add(500, { kind: "phase", phase: "healed" }).add(900, removed).broken).toEqual([
      "not-settled",
    ]);
  });
});

describe("where the store may lose what it acknowledged", () => {
  const lossy = { keepsWrites: false } as const;
  /** What was told from `from` to `until` is lost. A fire time of a job never came, and neither did a run that was enqueued just before. */
  const gone = (trial: object, from: number, until: number = from): MadeUp =>
    new MadeUp(trial)
      .define(-500, secondly("job"))
      .runs("job", 0, 2000)
      .runs("job", 4000, 7000)
      .ask(2900, { do: "enqueue", task: "tick", runs: [{ id: "run-1" }] })
      .add(from, { kind: "told", entry: `${dawn + from}-1`, t: dawn + from, lines: ["jobUpdated other"] })
      .add(until, { kind: "told", entry: `${dawn + until}-2`, t: dawn + until, lines: ["jobUpdated other"] })
      .heal(7500)
      .add(7600, { kind: "unkept", entries: [`${dawn + from}-1`, `${dawn + until}-2`] });

  test("what was acknowledged as it was lost is counted apart, and nothing else", () => {
    const verdict = gone(lossy, 2500, 3500).judge();
    expect(verdict).toMatchObject({ valid: false, lostWrites: { entries: 2, byRule: { missed: 1 } } });
    expect(verdict.violations.map(({ message }) => message)).toEqual([
      expect.stringContaining("of job never started"),
    ]);
    expect(gone({}, 2500, 3500).judge().byRule).toEqual({ missed: 2 });
    expect(gone(lossy, 6500).judge().byRule).toEqual({ missed: 2 });
  });

  test("a loss explains what follows from it for a while, and of a job's own record until that is written anew", () => {
    /** An entry is lost at 2500; much later something happens to what it was about. */
    const after = (line: string, then: (history: MadeUp) => MadeUp): string[] =>
      then(
        new MadeUp(lossy)
          .define(-500, secondly("job", { endAt: dawn }))
          .runs("job", 0, 0)
          .add(2500, { kind: "told", entry: `${dawn + 2500}-1`, t: dawn + 2500, lines: [line] })
          .add(99_999, { kind: "unkept", entries: [`${dawn + 2500}-1`] }),
      ).broken;
    const twice = (ms: number) => (history: MadeUp) =>
      history.add(
        ms,
        { kind: "start", run: runAt("job", 0), attempt: 1, token: "9", scheduledAt: dawn },
        "n2",
      );
    const ended = `ended ${runAt("job", 0)} 0 0 0 s 1 9 n1  `;
    expect(after(ended, twice(30_000))).toEqual([]);
    expect(after(ended, twice(60_000))).toEqual(["duplicate", "unclaimed-start"]);
    // One whose start is lost may have waited for the end of a pause.
    const started = `started ${runAt("job", 0)} 1 9 n1`;
    expect(after(started, twice(60_000))).toEqual(["unclaimed-start"]);
    const neverDue = (history: MadeUp): MadeUp => history.attempt({ run: runAt("job", 60_000), at: 60_005 });
    expect(after("jobUpdated job", neverDue)).toEqual([]);
    expect(after("jobUpdated other", neverDue)).toEqual(["never-due"]);
    const anew = (history: MadeUp): MadeUp =>
      history.ask(9000, { do: "update", job: "job", changes: { priority: 1 } });
    expect(after("jobUpdated job", (history) => neverDue(anew(history)))).toEqual(["never-due"]);
    // A fire time of before that may start long after it.
    const late = { run: runAt("job", 8000), at: 60_005 } as const;
    expect(after("jobUpdated job", (history) => anew(history).attempt(late))).not.toContain("never-due");
  });

  test("of two entries of one id, each of another master, the one that was told last is kept", () => {
    const entry = (line: string) =>
      ({ kind: "told", entry: `${dawn + 9000}-0`, t: dawn + 9000, lines: [line] }) as const;
    const twice = (first: string, second: string): MadeUp =>
      new MadeUp(lossy).add(9000, entry(first)).add(9900, entry(second)).heal(9950);
    const [mended, updated] = ["mended run-1 a run in no index", "jobUpdated job"];
    expect(twice(mended, updated).judge()).toMatchObject({ valid: true, lostWrites: { entries: 1 } });
    expect(twice(updated, mended).broken).toEqual(["mended"]);
  });

  test("a pause that nobody noticed, though it was in the way, was set at a server that was deposed", () => {
    const paused = (trial: object, noticed: boolean): string[] => {
      const history = new MadeUp(trial)
        .define(-500, secondly("job", { endAt: dawn + 1000 }))
        .runs("job", 0, 0)
        .ask(900, { do: "set", name: "job:job", ttl: 800 }, { end: "acknowledged", answer: "OK" })
        .runs("job", 1000, 1000);
      return (noticed ? history.tell(1004, `paused job:job ${dawn + 1004} 0 ""`) : history).broken;
    };
    expect(paused({}, false)).toContain("paused-claim");
    expect(paused(lossy, true)).toContain("paused-claim");
    expect(paused(lossy, false)).toEqual([]);
  });

  test("a fire time of which it was told what became of it, long after, is missed by what was lost", () => {
    const told = (run: string): MadeUp =>
      new MadeUp(lossy)
        .define(-500, secondly("job"))
        .runs("job", 0, 2000)
        .runs("job", 4000, 49_000)
        .add(45_000, {
          ...{ kind: "told", entry: `${dawn + 45_000}-9`, t: dawn + 45_000 },
          lines: [`ended ${run} ${dawn + 3000} 0 ${dawn + 45_000} k 0 0 -  "overlap"`],
        })
        .heal(49_500)
        .add(49_600, { kind: "unkept", entries: [`${dawn + 45_000}-9`] });
    expect(told(runAt("job", 3000)).broken).not.toContain("missed");
    expect(told(runAt("other", 3000)).broken).toContain("missed");
  });

  test("what a node was given that no entry tells of was lost before anybody had read it", () => {
    const given = { run: runAt("job", 0), attempt: 1, token: new MadeUp().token(2500) } as const;
    const broken = (trial: object): string[] =>
      new MadeUp(trial)
        .define(-500, secondly("job", { endAt: dawn }))
        .runs("job", 0, 0)
        .add(2500, { kind: "claimed", ...given, claimedAt: dawn + 2500 }, "n2")
        .add(2501, { kind: "start", ...given, scheduledAt: dawn }, "n2").broken;
    expect(broken(lossy)).toEqual([]);
    expect(broken({})).toContain("unclaimed-start");
  });

  test("what was acknowledged while a replica lagged that became master is lost, though no node was there to tell anything", () => {
    const asked = (trial: object, ms: number, proof: string): string[] =>
      new MadeUp(trial)
        .ask(
          ms,
          { do: "enqueue", task: "tick", runs: [{ id: "run-1" }] },
          { end: "acknowledged", answer: ["run-1"] },
        )
        .add(5000, {
          ...{ kind: "fault", fault: "replica-lag", target: "primary" },
          ...{ from: dawn + 1000, until: dawn + 5000, proof },
        }).broken;
    const proof = "SIGKILL: the master was at port 1, then at 2, without the last 953 bytes of writes";
    expect(asked(lossy, 2000, proof)).toEqual([]);
    expect(asked(lossy, 9000, proof)).toContain("missed");
    expect(asked(lossy, 2000, "")).toContain("missed");
    expect(asked({}, 2000, proof)).toContain("missed");
  });

  test("a pause whose end was acknowledged, and lost, goes on holding back", () => {
    const broken = (trial: object, name: string, at = 15_000, ended = 14_900): string[] =>
      new MadeUp(trial)
        .define(-500, secondly("job", { endAt: dawn + 4000 }))
        .runs("job", 0, 0)
        .ask(900, { do: "set", name }, { end: "acknowledged", answer: "OK" })
        .ask(2000, { do: "resume", name, from: "missed" }, { end: "acknowledged", answer: true })
        .add(5000, {
          ...{
            kind: "fault",
            fault: "replica-lag",
            target: "primary",
            from: dawn + 1500,
            until: dawn + 5000,
          },
          proof: "SIGKILL: the master was at port 1, then at 2, without the last 953 bytes of writes",
        })
        .ask(ended, { do: "del", name }, { end: "acknowledged", answer: 1 })
        .attempt({ run: runAt("job", 3000), at })
        .heal(at + 500)
        .broken.filter((rule) => rule === "late");
    expect(broken(lossy, "queue:default")).toEqual([]);
    expect(broken({}, "queue:default")).toEqual(["late"]);
    expect(broken(lossy, "queue:other")).toEqual(["late"]);
    // However late somebody ends it again; but not for long after that.
    expect(broken(lossy, "queue:default", 60_000, 59_900)).toEqual([]);
    expect(broken(lossy, "queue:default", 60_000, 40_000)).toEqual(["late"]);
  });

  test("with voters no attempt begins twice all the same", () => {
    const twice = (voters: number, faults: readonly (readonly [string, string, number])[] = []): string[] => {
      const fact = { run: runAt("job", 0), attempt: 1, token: "9", scheduledAt: dawn };
      const locks = { [`${runAt("job", 0)}#1`]: 3, [`${runAt("job", 1000)}#1`]: 3 };
      const made = new MadeUp({ ...lossy, voters });
      for (const [fault, target, at] of faults)
        made.add(at + 10, {
          ...{ kind: "fault", fault, target, from: dawn + at, until: dawn + at + 10, proof: "it hit" },
        });
      return made
        .define(-500, secondly("job"))
        .runs("job", 0, 1000)
        .add(500, { kind: "told", entry: `${dawn + 500}-1`, t: dawn + 500, lines: ["jobUpdated other"] })
        .heal(1200)
        .add(2100, { kind: "unkept", entries: [`${dawn + 500}-1`] })
        .add(2200, { kind: "lock", attempts: locks })
        .add(1500, { kind: "start", ...fact }, "n2").broken;
    };
    expect(twice(0)).toEqual([]);
    expect(twice(3)).toEqual(["duplicate"]);
    // Unless somebody deletes what the voters remember: one vote of a lock that one of them had not granted, or most of them.
    const [killed, deleted] = [
      ["voter-kill", "voter-0", -200],
      ["locks-deleted", "voter-1", 1000],
    ] as const;
    for (const one of [[killed], [deleted], [deleted, deleted]]) expect(twice(3, one)).toEqual(["duplicate"]);
    expect(twice(3, [killed, ["locks-deleted", "voter-1", -300]])).toEqual(["duplicate"]);
    expect(twice(3, [killed, deleted])).toEqual([]);
    expect(twice(3, [deleted, ["locks-deleted", "voter-2", 1100]])).toEqual([]);
  });
});
