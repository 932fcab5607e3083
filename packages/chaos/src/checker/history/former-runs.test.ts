import { describe, expect, test } from "vitest";
import { dawn, MadeUp, nodeOf, runAt, secondly } from "../../../test/made-up.js";

const rule = "taken-away-started";
const [older, newer] = [{ work: 1 }, { work: 2 }];
const run = runAt("job", 1000);
const first = { run, at: 1005, node: "n2", input: older, ends: "never" } as const;
const job = (input: object): ReturnType<typeof secondly> =>
  secondly("job", { input, retry: { attempts: 2 }, endAt: dawn + 1000 });

/** A job with a run that begins; it is removed then, and perhaps defined anew. */
function removed(andBack: boolean, attempt: Parameters<MadeUp["attempt"]>[0] = first): MadeUp {
  const gone = new MadeUp()
    .define(-500, { ...job(older), delivery: "at-most-once" })
    .attempt({ run: runAt("job", 0), at: 5, input: older })
    .attempt(attempt)
    .ask(1100, { do: "remove", job: "job", cancelRunning: false }, { end: "acknowledged", answer: true })
    .tell(1105, "jobRemoved job");
  return andBack ? gone.define(1200, { ...job(newer), endAt: dawn }).tell(1205, "jobAdded job") : gone;
}

describe("a run that was given out before its job was removed", () => {
  const dead = (history: MadeUp): MadeUp => history.tell(1300, `nodeDead ${nodeOf("n2")}`);

  test("is not tried again as the job defined anew says when it is lost", () => {
    const again = dead(removed(true)).lost(1310, first, true);
    expect(again.attempt({ run, attempt: 2, at: 1320, input: newer }).heal(3000).broken).toEqual([rule]);
    expect(dead(removed(true)).lost(1310, first, false).heal(3000).broken).toEqual([]);
    expect(dead(removed(false)).lost(1310, first, false).heal(3000).broken).toEqual([]);
  });

  test("is not tried again when it fails", () => {
    const fails = (ends: "again" | "f", andBack: boolean): MadeUp =>
      removed(andBack, { ...first, takes: 400, ends, wait: 50 });
    for (const andBack of [true, false]) {
      expect(fails("f", andBack).heal(3000).broken).toEqual([]);
      expect(fails("again", andBack).broken).toEqual([rule]);
    }
    expect(
      fails("again", true).attempt({ run, attempt: 2, at: 1500, input: newer }).heal(3000).broken,
    ).toEqual([rule]);
  });

  test("is another one than a run of the job defined anew, which is tried again", () => {
    const own = { run: runAt("job", 2000), input: newer };
    const history = new MadeUp()
      .define(-500, { ...job(older), endAt: dawn })
      .attempt({ run: runAt("job", 0), at: 5, input: older })
      .ask(1100, { do: "remove", job: "job", cancelRunning: false })
      .tell(1105, "jobRemoved job")
      .define(1200, { ...job(newer), endAt: dawn + 2000 })
      .tell(1205, "jobAdded job");
    expect(
      history
        .attempt({ ...own, at: 2005, ends: "again", wait: 50 })
        .attempt({ ...own, attempt: 2, at: 2100 })
        .heal(2900).broken,
    ).toEqual([]);
  });
});
