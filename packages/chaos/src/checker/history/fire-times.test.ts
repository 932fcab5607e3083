import { every } from "@escapement/triggers";
import { describe, expect, test } from "vitest";
import { dawn, MadeUp, runAt, secondly } from "../../../test/made-up.js";

const other = every("1s", { from: new Date(dawn), phase: 300 });
const maybe = { end: "maybe", code: "REDIS_TIMEOUT", message: "" } as const;
const base = (): MadeUp => new MadeUp().define(-500, secondly("job"));
const at = (history: MadeUp, ...times: number[]): MadeUp => {
  for (const ms of times) history.attempt({ run: runAt("job", ms), at: ms + 5 });
  return history;
};
/** All is paused for so long, from 900 ms on, and the job goes on from now after that. */
const paused = (ttl: number): MadeUp =>
  new MadeUp().define(-500, secondly("job", { resumeFrom: "now" })).ask(900, { do: "set", name: "all", ttl });
const trigger = (history: MadeUp, ms: number, ...more: [] | [typeof maybe]): MadeUp =>
  history.ask(ms, { do: "update", job: "job", changes: { trigger: other } }, ...more);

describe("a fire time that was surely to come", () => {
  test("is missed if nothing became of it", () => {
    const { broken, judge } = {
      broken: at(base(), 0, 2000).heal(2500).broken,
      judge: at(base(), 0, 2000).heal(2500).judge(),
    };
    expect(broken).toEqual(["missed"]);
    expect(judge.violations[0]?.message).toContain(String(dawn + 1000));
    expect(judge.violations[0]?.story.join("\n")).toContain("definition of job");
  });

  test("need not start if there is a reason, or an entry that stands for it", () => {
    const skips = new MadeUp().define(-500, secondly("job", { overlap: "skip" }));
    skips
      .attempt({ run: runAt("job", 0), at: 5, takes: 1200 })
      .ended(1005, runAt("job", 1000), "k", "overlap");
    expect(at(skips, 2000).heal(2500).broken).toEqual([]);
    const entry = (count: number): string[] =>
      at(paused(1500), 0, 3000).ended(2500, runAt("job", 1000), "m", "paused", count).heal(3500).broken;
    expect(entry(2)).toEqual([]);
    expect(entry(1)).toEqual(["missed"]);
  });

  test("is not covered by an entry that was written before it", () => {
    expect(
      at(paused(500), 0, 3000).ended(1500, runAt("job", 1000), "m", "paused", 2).heal(3500).broken,
    ).toEqual(["missed"]);
  });

  test("was lost before it began, or is not there at all", () => {
    const run = { run: runAt("job", 1000), at: 1005 };
    const told = `started ${run.run} 1 ${base().token(1005)} id-n2`;
    const once = new MadeUp().define(-500, secondly("job", { delivery: "at-most-once" }));
    const lost = at(once, 0, 2000).tell(1005, told).tell(1400, "nodeDead id-n2");
    expect(lost.lost(1500, { ...run, node: "n2" }, false).heal(2500).broken).toEqual([]);
    expect(at(base(), 0, 2000).tell(1005, told).heal(2500).broken).toEqual(["missed"]);
  });

  test("is one up to the healing only: what comes later nobody waits for", () => {
    expect(at(base(), 0, 1000).heal(1500).broken).toEqual([]);
    expect(at(base(), 0).heal(1500).broken).toEqual(["missed"]);
  });
});

describe("a trigger that is changed", () => {
  test("is in force from the answer on, and the former one until it was asked for", () => {
    expect(at(trigger(at(base(), 0, 1000), 1100), 1300, 2300).heal(2500).broken).toEqual([]);
    expect(at(trigger(at(base(), 0, 1000), 1100), 2300).heal(2500).broken).toEqual(["missed"]);
    expect(at(trigger(at(base(), 0), 1100), 1300, 2300).heal(2500).broken).toEqual(["missed"]);
  });

  test("takes what was written of the former one with it", () => {
    expect(at(trigger(at(base(), 0, 1000), 1100), 1300, 2000, 2300).heal(2500).broken).toEqual(["never-due"]);
  });

  test("leaves both possible while it is on its way, and asks for neither", () => {
    for (const times of [[1300], [2000, 1300], [], [2000]])
      expect(at(trigger(at(base(), 0, 1000), 1290, maybe), ...times).heal(2500).broken).toEqual([]);
    const during = (ms: number, ...times: number[]): string[] =>
      at(trigger(at(base(), 0, 1000), ms), ...times).heal(2500).broken;
    expect(during(1295, 1300, 2300)).toEqual([]);
    expect(during(1295, 2300)).toEqual([]);
  });

  test("is as sure as before where the change was refused", () => {
    const refused = (): MadeUp =>
      base().ask(
        900,
        { do: "update", job: "job", changes: { trigger: other } },
        { ...maybe, end: "refused" },
      );
    expect(at(refused(), 0, 1000, 2000).heal(2500).broken).toEqual([]);
    expect(at(refused(), 0, 1000, 2000, 2300).heal(2500).broken).toEqual(["never-due"]);
  });

  test("that stays the same does not interrupt it, whatever else changes", () => {
    const edited = (): MadeUp => base().ask(995, { do: "update", job: "job", changes: { priority: 3 } });
    expect(at(edited(), 0, 1000).heal(1500).broken).toEqual([]);
    expect(at(edited(), 0).heal(1500).broken).toEqual(["missed"]);
  });
});

describe("a job that is removed", () => {
  const gone = (answer?: typeof maybe): MadeUp =>
    at(base(), 0, 1000).ask(1500, { do: "remove", job: "job", cancelRunning: false }, answer);

  test("starts nothing that comes later", () => {
    expect(gone().heal(2500).broken).toEqual([]);
    expect(at(gone(), 2000).heal(2500).broken).toEqual(["never-due", "taken-away-started"]);
    expect(at(gone(maybe), 2000).heal(2500).broken).toEqual([]);
  });

  test("is due again once it is defined again", () => {
    expect(at(gone().define(2500, secondly("job")), 3000).heal(3500).broken).toEqual([]);
    expect(gone().define(2500, secondly("job")).heal(3500).broken).toEqual(["missed"]);
  });
});

test("a start that no definition explains is never due", () => {
  expect(at(base(), 0, 500, 1000).heal(1500).broken).toEqual(["never-due"]);
  expect(
    at(base(), 0, 1000)
      .attempt({ run: runAt("nobody", 1000), at: 1005 }, 1)
      .heal(1500).broken,
  ).toEqual(["never-due"]);
});

test("bounds hold: nothing after endAt, and no more runs than maxRuns", () => {
  const bounded = (options: object): MadeUp => new MadeUp().define(-500, secondly("job", options));
  expect(at(bounded({ endAt: dawn + 1000 }), 0, 1000).heal(3500).broken).toEqual([]);
  expect(at(bounded({ endAt: dawn + 1000 }), 0, 1000, 2000).heal(3500).broken).toEqual(["never-due"]);
  expect(at(bounded({ maxRuns: 2 }), 0, 1000).heal(3500).broken).toEqual([]);
  expect(at(bounded({ maxRuns: 2 }), 0).heal(3500).broken).toEqual(["missed"]);
  expect(at(bounded({ maxRuns: 2 }), 0, 1000, 2000).heal(3500).broken).toEqual(["max-runs"]);
});

describe("a job of which as many as may have started", () => {
  /** Four fire times come before the end of the second and last run. */
  const few = (): MadeUp =>
    new MadeUp()
      .define(-500, secondly("job", { maxRuns: 2 }))
      .attempt({ run: runAt("job", 0), at: 5 })
      .attempt({ run: runAt("job", 1000), at: 1005, takes: 2500 });
  const missed = (line: (history: MadeUp) => MadeUp): string[] => line(few()).heal(6500).broken;
  const head = (first: number, at: number, count: number): string =>
    `ended ${runAt("job", first)} ${dawn + first} 0 ${dawn + at} m 0 0 - ${count} "exhausted"`;

  test("accounts for what was due before the last of them ended, and for nothing later", () => {
    expect(missed((history) => history)).toEqual(["missed"]);
    expect(missed((history) => history.tell(3505, "jobExhausted job"))).toEqual(["missed"]);
    expect(missed((history) => history.tell(3505, head(2000, 3505, 2), "jobExhausted job"))).toEqual([]);
    expect(missed((history) => history.tell(3505, head(3000, 3505, 1), "jobExhausted job"))).toEqual([
      "missed",
    ]);
  });

  test("says how many that were at the least: what its leader had yet to write is not counted", () => {
    expect(missed((history) => history.tell(3505, head(2000, 3505, 1), "jobExhausted job"))).toEqual([]);
  });

  test("has nothing to account for where all have started", () => {
    const all = new MadeUp().define(-500, secondly("job", { maxRuns: 2 })).runs("job", 0, 1000);
    expect(all.heal(6500).broken).toEqual([]);
  });
});

describe("a job that is removed after nothing of it has started for long", () => {
  const idle = (
    removed: number,
    options: object = {},
    more: (history: MadeUp) => MadeUp = (one) => one,
  ): string[] =>
    more(at(new MadeUp().define(-500, secondly("job", options)), 0, 1000))
      .ask(removed, { do: "remove", job: "job", cancelRunning: false })
      .heal(removed + 1000).broken;

  test("has missed what there was time for", () => {
    expect(idle(19_500)).toEqual(["missed"]);
    expect(idle(11_900)).toEqual([]);
    expect(idle(19_500, { overlap: "skip" })).toEqual(["missed"]);
  });

  test("may have been held back: by a fault, a pause, a limit, another job, or its own runs", () => {
    const fault = { kind: "fault", fault: "all-kill", target: "-", proof: "they ended" } as const;
    const down = (from: number, until: number): string[] =>
      idle(19_500, {}, (one) => one.add(until, { ...fault, from: dawn + from, until: dawn + until }));
    expect(down(1500, 12_000)).toEqual([]);
    expect(down(1500, 2000)).toEqual(["missed"]);
    expect(down(18_000, 19_000)).toEqual(["missed"]);
    const paused = (name: string): string[] => idle(19_500, {}, (one) => one.ask(1500, { do: "set", name }));
    for (const name of ["job:job", "all", "node:n1"]) expect(paused(name)).toEqual([]);
    expect(paused("job:other")).toEqual(["missed"]);
    expect(idle(19_500, { concurrencyKey: "one" })).toEqual([]);
    expect(idle(19_500, { dependsOn: ["other"] })).toEqual([]);
    const long = (overlap: string): string[] =>
      idle(19_500, { overlap }, (one) => one.attempt({ run: runAt("job", 2000), at: 2005, takes: 17_600 }));
    expect(long("queue-all")).toEqual([]);
    expect(long("allow")).toEqual(["missed"]);
  });
});

test("a job that follows another starts after each success of it, and only then", () => {
  const family = (): MadeUp =>
    new MadeUp().define(-500, secondly("parent"), { id: "child", task: "tick", dependsOn: ["parent"] });
  const both = family()
    .attempt({ run: runAt("parent", 0), at: 5 })
    .attempt({ run: runAt("child", 0), at: 30 });
  expect(both.heal(500).broken).toEqual([]);
  expect(
    family()
      .attempt({ run: runAt("parent", 0), at: 5 })
      .heal(500).broken,
  ).toEqual(["missed"]);
  const before = family()
    .attempt({ run: runAt("child", 0), at: 4 })
    .attempt({ run: runAt("parent", 0), at: 5 });
  expect(before.heal(500).broken).toEqual(["never-due"]);
  const failed = family().attempt({ run: runAt("parent", 0), at: 5, ends: "f" });
  expect(failed.heal(500).broken).toEqual([]);
  expect(failed.attempt({ run: runAt("child", 0), at: 30 }).broken).toEqual(["never-due"]);
});
