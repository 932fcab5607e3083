import { every } from "@escapement/triggers";
import { expect, test } from "vitest";
import { dawn, MadeUp, runAt, secondly } from "../../../test/made-up.js";

const run = runAt("job", 1000);
const job = secondly("job", { overlap: "skip", retry: { attempts: 2 } });

test("a run is skipped for overlap only while another one of its job runs, is given out in the same step, or waits for its next attempt", () => {
  const skipped = (ms: number, before: (history: MadeUp) => MadeUp): string[] =>
    before(new MadeUp().define(-500, job)).ended(ms, run, "k", "overlap").heal(1900).broken;
  expect(skipped(1005, (history) => history.attempt({ run: runAt("job", 0), at: 5, takes: 1500 }))).toEqual(
    [],
  );
  expect(skipped(1005, (history) => history.attempt({ run: runAt("job", 0), at: 5, takes: 1000 }))).toEqual(
    [],
  );
  expect(skipped(1005, (history) => history.attempt({ run: runAt("job", 0), at: 5, takes: 900 }))).toEqual([
    "skipped-for-nothing",
  ]);
  const waits = { run: runAt("job", 0), at: 5, ends: "again", wait: 1200 } as const;
  const again = { run: runAt("job", 0), attempt: 2, at: 1300 };
  expect(skipped(1005, (history) => history.attempt(waits).attempt(again))).toEqual([]);
});

test("a run is skipped for a limit only while all places of one of its scopes are taken", () => {
  const limits = { "task:tick": { max: 1, whenFull: "skip" } } as const;
  const skipped = (takes: number, task = "tick"): string[] =>
    new MadeUp({ limits })
      .define(-500, secondly("job"), secondly("other", { task, endAt: dawn }))
      .attempt({ run: runAt("job", 0), at: 5 })
      .attempt({ run: runAt("other", 0), at: 100, takes })
      .ended(1005, run, "k", "limit")
      .heal(1900).broken;
  expect(skipped(1500)).toEqual([]);
  expect(skipped(500)).toEqual(["skipped-for-nothing"]);
  expect(skipped(1500, "long")).toEqual(["skipped-for-nothing"]);
});

test("a run is skipped only where its job or its limit says so", () => {
  const beside = { run: runAt("job", 0), at: 5, takes: 1500 };
  const overlapping = (overlap: "allow" | "queue-all"): string[] =>
    new MadeUp()
      .define(-500, secondly("job", { overlap }))
      .attempt(beside)
      .ended(1005, run, "k", "overlap")
      .heal(1900).broken;
  expect(overlapping("allow")).toEqual(["skipped-for-nothing"]);
  expect(overlapping("queue-all")).toEqual(["skipped-for-nothing"]);
  const limits = { "task:tick": { max: 1, whenFull: "wait" } } as const;
  const limited = new MadeUp({ limits }).define(-500, secondly("job")).attempt(beside);
  expect(limited.ended(1005, run, "k", "limit").heal(1900).broken).toEqual(["skipped-for-nothing"]);
  const other = new MadeUp().define(-500, job).attempt(beside).ended(1005, run, "k", "whim").heal(1900);
  expect(other.broken).toEqual(["skipped-for-nothing"]);
});

test("a run is skipped for another one that waits, where one may wait, and never where it replaces what runs", () => {
  const [first, second, third] = [0, 1000, 2000].map((ms) => runAt("job", ms)) as [string, string, string];
  const base = (overlap: "queue-one" | "cancel-running" | "replace" | "skip"): MadeUp =>
    new MadeUp().define(-500, secondly("job", { overlap })).attempt({ run: first, at: 5, takes: 2500 });
  const alone = (overlap: Parameters<typeof base>[0]): string[] =>
    base(overlap).ended(1005, second, "k", "overlap").ended(2005, third, "k", "overlap").heal(2900).broken;
  expect(alone("skip")).toEqual([]);
  for (const overlap of ["queue-one", "cancel-running", "replace"] as const)
    expect(alone(overlap)).toEqual(["skipped-for-nothing"]);

  const waits = base("queue-one").ended(2005, third, "k", "overlap");
  expect(waits.attempt({ run: second, at: 2510 }).heal(2900).broken).toEqual([]);
  const taken = base("cancel-running").ended(2005, second, "k", "overlap");
  expect(taken.attempt({ run: third, at: 2510 }).heal(2900).broken).toEqual([]);
});

test("what waited may have been missed, or have gone with its job, before which nothing else was given out", () => {
  const skipped = (): MadeUp =>
    new MadeUp()
      .define(-500, secondly("job", { overlap: "queue-one" }))
      .attempt({ run: runAt("job", 0), at: 5, takes: 2500 })
      .ended(2005, runAt("job", 2000), "k", "overlap");
  const missed = skipped().ended(2600, runAt("job", 1000), "m", "misfire");
  expect(missed.broken).not.toContain("skipped-for-nothing");
  const removed = (history: MadeUp): MadeUp =>
    history.ask(3500, { do: "remove", job: "job", cancelRunning: false }).tell(3505, "jobRemoved job");
  expect(removed(skipped()).broken).not.toContain("skipped-for-nothing");
  expect(removed(skipped().runs("job", 3000, 3000)).broken).toContain("skipped-for-nothing");
});

test("a run is skipped for what it depends on only if that did not succeed", () => {
  const skipped = (ends: "s" | "f"): string[] =>
    new MadeUp()
      .define(-500, secondly("job"), { id: "child", task: "tick", dependsOn: ["job"] })
      .attempt({ run: runAt("job", 0), at: 5, ends })
      .ended(50, runAt("child", 0), "k", "dependency")
      .heal(900).broken;
  expect(skipped("f")).toEqual([]);
  expect(skipped("s")).toEqual(["skipped-for-nothing"]);
});

test("a run is cancelled only if that was asked for, by the driver, with its job, or by a later one of its job", () => {
  const base = (options = {}): MadeUp =>
    new MadeUp().define(-500, secondly("job", options)).runs("job", 0, 0);
  const cancelled = (history: MadeUp, reason: string): string[] =>
    history.ended(1100, run, "c", reason).heal(1900).broken;
  expect(cancelled(base(), "cancelled")).toEqual(["cancelled-for-nothing"]);
  expect(
    cancelled(
      base().ask(1050, { do: "cancel", run }, { end: "maybe", code: "REDIS_TIMEOUT", message: "" }),
      "cancelled",
    ),
  ).toEqual([]);
  expect(cancelled(base({ overlap: "replace" }), "overlap")).toEqual([]);
  expect(cancelled(base({ overlap: "skip" }), "overlap")).toEqual(["cancelled-for-nothing"]);
  expect(cancelled(base().ask(1050, { do: "remove", job: "job", cancelRunning: true }), "removed")).toEqual(
    [],
  );
});

test("a run that runs is cancelled with its job only if that was asked for; one between attempts in any case", () => {
  const cancelled = (cancelRunning: boolean, token: string): string[] =>
    new MadeUp()
      .define(-500, secondly("job", { retry: { attempts: 2 }, endAt: dawn }))
      .attempt({ run: runAt("job", 0), at: 5, ends: "again", wait: 500 })
      .ask(300, { do: "remove", job: "job", cancelRunning })
      .tell(305, `ended ${runAt("job", 0)} ${dawn} 0 ${dawn + 305} c 2 ${token} - 1 "removed"`)
      .heal(900).broken;
  expect(cancelled(true, "0")).toEqual([]);
  expect(cancelled(false, "0")).toEqual([]);
  expect(cancelled(true, "77")).not.toContain("cancelled-for-nothing");
  expect(cancelled(false, "77")).toContain("cancelled-for-nothing");
});

test("what waited behind others of a job that was removed went with it; what should have started before one that did has not", () => {
  const gone = (...times: number[]): MadeUp => {
    const history = new MadeUp().define(-500, job);
    for (const ms of times)
      history.attempt({ run: runAt("job", ms), at: ms + 5, takes: ms === 0 ? 4000 : 10 });
    return history.ask(3500, { do: "remove", job: "job", cancelRunning: false }).tell(3505, "jobRemoved job");
  };
  expect(gone(0).ended(2005, runAt("job", 2000), "k", "overlap").heal(5000).broken).toEqual([]);
  const apart = new MadeUp().define(-500, secondly("job")).runs("job", 0, 0).runs("job", 2000, 2000);
  expect(apart.ask(3500, { do: "remove", job: "job", cancelRunning: false }).heal(5000).broken).toEqual([
    "missed",
  ]);
  const other = { do: "update", job: "job", changes: { trigger: every("1s", { phase: 300 }) } } as const;
  const changed = new MadeUp().define(-500, secondly("job")).runs("job", 0, 0).ask(2500, other);
  expect(changed.ask(2700, { do: "remove", job: "job", cancelRunning: false }).heal(5000).broken).toEqual([]);
});
