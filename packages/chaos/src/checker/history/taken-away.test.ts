import { every, once } from "@escapement/triggers";
import { describe, expect, test } from "vitest";
import { dawn, MadeUp, nodeOf, runAt, secondly } from "../../../test/made-up.js";
import type { PlannedJob } from "../../workload/operations.js";

const maybe = { end: "maybe", code: "REDIS_TIMEOUT", message: "" } as const;
const remove = { do: "remove", job: "job", cancelRunning: false } as const;
const rule = "taken-away-started";
/** Some of a job's fire times run; it has an overlap of which nothing is said elsewhere. */
const base = (...times: number[]): MadeUp => {
  const history = new MadeUp().define(-500, secondly("job", { retry: { attempts: 2 } }));
  for (const ms of times) history.attempt({ run: runAt("job", ms), at: ms + 5 });
  return history;
};

describe("what is given out of a job that was removed", () => {
  const late = { run: runAt("job", 1000), at: 7000 };

  test("is too late by the order of the stream, however little, and by the answer that the driver heard", () => {
    const told = (at: number): string[] =>
      base(0)
        .ask(1900, remove, maybe, 5000)
        .attempt({ ...late, at: 1990 })
        .tell(at, "jobRemoved job").broken;
    expect(told(2000)).toEqual([]);
    expect(told(1989)).toEqual([rule]);
    expect(base(0).ask(1900, remove).attempt(late).broken).toEqual([rule]);
    expect(base(0).ask(1900, remove, maybe).attempt(late).broken).toEqual([]);
  });

  test("may be of the job as it was defined again, by hand as well", () => {
    const byHand = `${runAt("job", 6000)}-abcdefgh`;
    const asked = { end: "acknowledged", answer: byHand } as const;
    const started = (again: (history: MadeUp) => MadeUp, ...told: string[]): string[] =>
      again(
        base(0, 1000)
          .ask(1900, remove)
          .tell(1905, "jobUpdated other", ...told),
      )
        .ask(6000, { do: "run-now", job: "job" }, asked)
        .attempt({ run: byHand, at: 6005 }).broken;
    const define = (history: MadeUp): MadeUp =>
      history.define(5000, secondly("job", { endAt: dawn })).tell(5005, "jobAdded job");
    for (const told of [[], ["jobRemoved job"]]) {
      expect(started(define, ...told)).toEqual([]);
      expect(started((history) => history, ...told)).toEqual([rule]);
    }
  });

  test("was given out before and goes on, and has no further attempt, whether or not the job is there again", () => {
    const first = { run: runAt("job", 1000), at: 1005, takes: 3000, ends: "again", wait: 500 } as const;
    const second = { run: first.run, attempt: 2, at: 4600 };
    const removed = (): MadeUp => base(0).attempt(first).ask(1900, remove).tell(1905, "jobRemoved job");
    const again = secondly("job", { retry: { attempts: 2 }, endAt: dawn });
    expect(
      base(0)
        .attempt({ ...first, ends: "s" })
        .ask(1900, remove)
        .tell(1905, "jobRemoved job").broken,
    ).toEqual([]);
    const anew = (history: MadeUp): MadeUp => history.define(2500, again).tell(2505, "jobAdded job");
    expect(anew(removed()).broken).toEqual([rule]);
    expect(anew(removed()).attempt(second).broken).toEqual([rule]);
    expect(removed().attempt(second).broken).toEqual([rule]);
    // Before the removal: what waits for it then ends with its job.
    const waited = base(0)
      .attempt({ ...first, takes: 100, wait: 9000 })
      .ask(1900, remove);
    waited.tell(
      1905,
      `ended ${first.run} ${dawn + 1000} 0 ${dawn + 1905} c 2 0 - 1 "removed"`,
      "jobRemoved job",
    );
    expect(anew(waited).broken).toEqual([]);
  });

  test("is lost with its node under the job defined anew, and is not tried as a run of that", () => {
    const at = (second: number, work: number, delivery: "at-most-once" | "at-least-once"): PlannedJob => {
      return secondly("job", { trigger: once(new Date(dawn + second)), delivery, input: { work } });
    };
    const [run, node] = [runAt("job", 1000), "n2"];
    const lost = (again: boolean): MadeUp =>
      new MadeUp()
        .define(-500, at(1000, 1, "at-most-once"))
        .attempt({ run, at: 1005, ends: "never", node, input: { work: 1 } })
        .ask(1100, remove, { end: "acknowledged", answer: true })
        .tell(1105, "jobRemoved job")
        .define(1200, at(2000, 2, "at-least-once"))
        .tell(1205, "jobAdded job")
        .tell(1300, `nodeDead ${nodeOf(node)}`)
        .lost(1301, { run, at: 1005, node }, again);
    const next = (history: MadeUp): string[] =>
      history.attempt({ run: runAt("job", 2000), at: 2005, input: { work: 2 } }).heal(3000).broken;
    expect(next(lost(false))).toEqual([]);
    expect(next(lost(true).attempt({ run, attempt: 2, at: 1310, input: { work: 2 } }))).toEqual([rule]);
  });

  test("by hand is of the job as it was, if it was given out by then and handed back", () => {
    const run = `${runAt("job", 1000)}-abcdefgh`;
    const asked = { end: "acknowledged", answer: run } as const;
    const handed = base(0)
      .ask(1000, { do: "run-now", job: "job" }, asked)
      .tell(1005, `started ${run} 1 ${base().token(1005)} ${nodeOf("n1")}`);
    const removed = handed.ask(1900, remove).tell(1905, "jobRemoved job");
    const anew = removed.define(2500, secondly("job", { endAt: dawn })).tell(2505, "jobAdded job");
    expect(anew.broken).toEqual([]);
    expect(anew.attempt({ run, at: 2600 }).broken).toEqual([rule]);
  });
});

describe("a fire time that a change takes away", () => {
  const other = every("1s", { from: new Date(dawn), phase: 300 });
  /** The change is under way for 500 ms, in which a fire time of the former trigger comes. */
  const changed = (told: number): MadeUp =>
    base(0, 1000)
      .ask(1800, { do: "update", job: "job", changes: { trigger: other } }, undefined, 500)
      .tell(told, "jobUpdated job");

  test("does not start if it comes after the step that changed the job", () => {
    const started = (told: number): string[] =>
      changed(told)
        .attempt({ run: runAt("job", 2000), at: 2005 })
        .attempt({ run: runAt("job", 2300), at: 2305 }).broken;
    expect(started(2100)).toEqual([]);
    expect(started(1900)).toEqual([rule]);
  });

  test("starts all the same if it had come by then, and waited", () => {
    expect(
      changed(2100)
        .attempt({ run: runAt("job", 2000), at: 2900 })
        .attempt({ run: runAt("job", 2300), at: 2905 }).broken,
    ).toEqual([]);
  });

  test("went with its job, and does not come back with it", () => {
    const again = (first: string[]): MadeUp =>
      base(0)
        .tell(1005, ...first)
        .ask(1500, remove)
        .tell(1505, "jobRemoved job")
        .define(1600, secondly("job", { endAt: dawn }))
        .tell(1605, "jobAdded job");
    const run = runAt("job", 1000);
    const handed = `started ${run} 1 ${base().token(1005)} ${nodeOf("n1")}`;
    expect(again(["jobUpdated other"]).attempt({ run, at: 1700 }).broken).toEqual([rule]);
    expect(again([handed]).attempt({ run, at: 1700 }).broken).toEqual([rule]);
    expect(again([handed]).broken).toEqual([]);
  });
});
