import { expect, test } from "vitest";
import { dawn, MadeUp, nodeOf, runAt, secondly } from "../../../test/made-up.js";

type Overlap = "allow" | "skip";
type CatchUp = "none" | "latest" | "earliest" | "all";

/** A job with a grace of two seconds, which is paused until 6100 ms, and which of its fire times from 0 to 6000 start then. */
function late(
  catchUp: CatchUp,
  started: number[],
  missed?: { first: number; count: number },
  overlap: Overlap = "allow",
  before: (history: MadeUp) => MadeUp = (history) => history,
): string[] {
  const misfire = { grace: "2s", catchUp, ...(catchUp === "all" && { max: 3 }) };
  const history = before(
    new MadeUp()
      .define(-500, secondly("job", { misfire, overlap, endAt: dawn + 6000 }))
      .ask(-100, { do: "set", name: "job:job", ttl: 6000 }),
  );
  if (missed !== undefined) history.ended(6100, runAt("job", missed.first), "m", "misfire", missed.count);
  for (const [index, ms] of started.entries())
    history.attempt({ run: runAt("job", ms), at: 6100 + index * 20 });
  return history.heal(7000).broken;
}

test("what is later than its grace is made up for as its job says", () => {
  expect(late("none", [], { first: 0, count: 7 })).toEqual([]);
  expect(late("latest", [6000], { first: 0, count: 6 })).toEqual([]);
  expect(late("earliest", [0], { first: 1000, count: 6 })).toEqual([]);
  expect(late("all", [4000, 5000, 6000], { first: 0, count: 4 })).toEqual([]);
});

test("no more of it starts", () => {
  expect(late("none", [0, 1000, 2000, 3000, 4000, 5000, 6000])).toEqual(["misfire"]);
  expect(late("latest", [3000, 6000], { first: 0, count: 5 })).toEqual(["misfire"]);
  expect(late("earliest", [0, 1000], { first: 2000, count: 5 })).toEqual(["misfire"]);
  expect(late("all", [3000, 4000, 5000, 6000], { first: 0, count: 3 })).toEqual(["misfire"]);
});

test("where the latest are to be made up for, not all are missed", () => {
  expect(late("latest", [], { first: 0, count: 7 })).toEqual(["misfire", "missed"]);
  expect(late("all", [], { first: 0, count: 7 })).toEqual(["misfire", "missed"]);
});

test("no more is missed than its job does not make up for", () => {
  // What an entry counts too many is not taken for the account of what else is gone.
  const all = (started: number[], count: number): string[] => late("all", started, { first: 0, count });
  expect(all([6000], 6)).toEqual(["misfire", "missed"]);
  expect(all([4000, 6000], 5)).toEqual(["misfire", "missed"]);
  expect(all([4000, 5000, 6000], 5)).toEqual(["misfire"]);
  expect(all([4000, 5000, 6000], 3)).toEqual(["missed"]);
  expect(late("latest", [6000], { first: 0, count: 7 })).toEqual(["misfire"]);
  expect(late("earliest", [0], { first: 1000, count: 7 })).toEqual(["misfire"]);
  expect(late("earliest", [], { first: 0, count: 7 })).toEqual(["misfire"]);
  expect(late("none", [], { first: 0, count: 8 })).toEqual(["misfire"]);
});

test("what was left to be made up for may be missed in a later step, with another one in its place", () => {
  const steps = (catchUp: CatchUp, first: number, count: number, then: number, more: number): string[] => {
    const misfire = { grace: "2s", catchUp, ...(catchUp === "all" && { max: 3 }) };
    const started = { all: [4000, 5000, 6000], latest: [6000], earliest: [0], none: [] }[catchUp];
    const history = new MadeUp()
      .define(-500, secondly("job", { misfire, endAt: dawn + 6000 }))
      .ask(-100, { do: "set", name: "job:job", ttl: 7000 })
      .ended(5100, runAt("job", first), "m", "misfire", count)
      .ended(7050, runAt("job", then), "m", "misfire", more);
    for (const [index, ms] of started.entries())
      history.attempt({ run: runAt("job", ms), at: 7100 + index * 20 });
    return history.heal(8000).broken;
  };
  expect(steps("all", 0, 3, 3000, 1)).toEqual([]);
  expect(steps("all", 0, 3, 3000, 2)).toEqual(["misfire"]);
  expect(steps("latest", 0, 5, 5000, 1)).toEqual([]);
  expect(steps("earliest", 1000, 5, 6000, 1)).toEqual([]);
});

test("so it is where runs are skipped while another one runs, if none does", () => {
  expect(late("latest", [6000], { first: 0, count: 6 }, "skip")).toEqual([]);
  expect(late("latest", [], { first: 0, count: 7 }, "skip")).toEqual(["misfire", "missed"]);
  expect(late("latest", [3000, 6000], { first: 0, count: 5 }, "skip")).toEqual(["misfire"]);
  // A run by hand that runs may have others skipped, or kept waiting until its end.
  const [run, token] = [`${runAt("job", 0)}-abcdefgh`, new MadeUp().token(-160)];
  const byHand = (history: MadeUp): MadeUp =>
    history
      .ask(-180, { do: "run-now", job: "job" }, { end: "acknowledged", answer: run })
      .tell(-160, `started ${run} 1 ${token} ${nodeOf("n1")}`);
  expect(late("latest", [], { first: 0, count: 7 }, "skip", byHand)).not.toContain("misfire");
});

test("nothing is missed before its grace is over", () => {
  const missed = (ms: number, catchUp: CatchUp, first: number): string[] =>
    new MadeUp()
      .define(-500, secondly("job", { misfire: { grace: "2s", catchUp }, endAt: dawn + 1000 }))
      .attempt({ run: runAt("job", 1000 - first), at: 2990 })
      .ended(ms, runAt("job", first), "m", "misfire").broken;
  expect(missed(2000, "latest", 0)).toEqual(["missed-for-nothing"]);
  expect(missed(2001, "latest", 0)).toEqual([]);
  expect(missed(2001, "earliest", 1000)).toEqual([]);
  expect(missed(2000, "earliest", 1000)).toEqual(["missed-for-nothing"]);
});

test("what was handed back waits before what is missed behind it, and is made up for", () => {
  const handed = `started ${runAt("job", 0)} 1 ${new MadeUp().token(5)} ${nodeOf("n1")}`;
  const missed = (before: string): string[] =>
    new MadeUp()
      .define(-500, secondly("job", { misfire: { grace: "2s", catchUp: "earliest" }, endAt: dawn + 2000 }))
      .tell(5, before)
      .runs("job", 1000, 1000)
      .ended(2501, runAt("job", 2000), "m", "misfire")
      .attempt({ run: runAt("job", 0), at: 2502 })
      .heal(2600).broken;
  expect(missed(handed)).toEqual([]);
});

test("a job is not due before its startAt", () => {
  const from = (ms: number): string[] =>
    new MadeUp()
      .define(-500, secondly("job", { startAt: dawn + 1000 }))
      .runs("job", ms, 2000)
      .heal(2500).broken;
  expect(from(1000)).toEqual([]);
  expect(from(0)).toEqual(["never-due"]);
  expect(from(2000)).toEqual(["missed"]);
});
