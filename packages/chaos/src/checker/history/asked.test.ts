import { describe, expect, test } from "vitest";
import { dawn, MadeUp, runAt, secondly } from "../../../test/made-up.js";

const maybe = { end: "maybe", code: "REDIS_TIMEOUT", message: "" } as const;
const refused = { end: "refused", code: "REDIS_UNAVAILABLE", message: "" } as const;
const enqueue = (answer?: typeof maybe | typeof refused): MadeUp =>
  new MadeUp().ask(100, { do: "enqueue", task: "tick", runs: [{ id: "run-1" }] }, answer);
const run = { run: "run-1", at: 200 };

describe("an enqueued run", () => {
  test("starts, or has a reason, if that was acknowledged", () => {
    expect(enqueue().attempt(run).heal(500).broken).toEqual([]);
    const limits = { "task:tick": { max: 1, whenFull: "skip" } } as const;
    const full = new MadeUp({ limits })
      .ask(100, { do: "enqueue", task: "tick", runs: [{ id: "run-0" }, { id: "run-1" }] })
      .attempt({ run: "run-0", at: 190, takes: 50 });
    expect(full.ended(200, "run-1", "k", "limit").heal(500).broken).toEqual([]);
    expect(enqueue().heal(500).broken).toEqual(["missed"]);
  });

  test("may start or not if nobody knows, and does not if it was refused", () => {
    expect(enqueue(maybe).attempt(run).heal(500).broken).toEqual([]);
    expect(enqueue(maybe).heal(500).broken).toEqual([]);
    expect(enqueue(refused).heal(500).broken).toEqual([]);
    expect(enqueue(refused).attempt(run).heal(500).broken).toEqual(["refused-and-done"]);
  });

  test("that is delayed starts when what was asked for is over, whatever it is said to be due at", () => {
    const delayed = (ms: number, how: object): string[] =>
      new MadeUp()
        .ask(100, { do: "enqueue", task: "tick", runs: [{ id: "run-1", ...how }] })
        .attempt({ run: "run-1", at: ms })
        .heal(70_000).broken;
    expect(delayed(60_100, { delay: 60_000 })).toEqual([]);
    expect(delayed(200, { delay: 60_000 })).toEqual(["early"]);
    expect(delayed(59_900, { delay: "60s" })).toEqual(["early"]);
    expect(delayed(110, { delay: 0 })).toEqual([]);
    expect(delayed(5000, { at: new Date(dawn + 5000) })).toEqual([]);
    expect(delayed(4999, { at: new Date(dawn + 5000) })).toEqual(["early"]);
  });

  test("that was cancelled is given to nobody", () => {
    const cancel = (answer: boolean): MadeUp =>
      enqueue().ask(150, { do: "cancel", run: "run-1" }, { end: "acknowledged", answer });
    expect(cancel(true).ended(155, "run-1", "c", "cancelled").heal(500).broken).toEqual([]);
    expect(cancel(true).attempt(run).heal(500).broken).toEqual(["cancelled-started"]);
    expect(cancel(false).attempt(run).heal(500).broken).toEqual(["cancel-denied"]);
  });
});

describe("a run that nobody has enqueued", () => {
  test("is not given out, nor does it begin", () => {
    expect(enqueue().attempt(run).attempt({ run: "run-2", at: 300 }).heal(500).broken).toEqual(["unasked"]);
    expect(new MadeUp().tell(200, `started run-2 1 ${new MadeUp().token(200)} id-n1`).broken).toContain(
      "unasked",
    );
  });

  test("may be an impostor's own, which is given to impostors and ends as cancelled", () => {
    const own = `started own-1 1 ${new MadeUp().token(200)} impostor-1`;
    expect(new MadeUp().tell(200, own).ended(400, "own-1", "c", "cancelled").broken).not.toContain("unasked");
    expect(new MadeUp().ended(400, "own-2", "c", "cancelled").broken).not.toContain("unasked");
  });
});

describe("a run by hand", () => {
  const [one, two] = [`${runAt("job", 110)}-abcdefgh`, `${runAt("job", 120)}-ijklmnop`] as const;
  const job = secondly("job", { endAt: 1 });
  const asked = (answer?: typeof maybe): MadeUp =>
    new MadeUp()
      .define(-500, job)
      .ask(100, { do: "run-now", job: "job" }, answer ?? { end: "acknowledged", answer: one });

  test("starts if that was acknowledged", () => {
    expect(asked().attempt({ run: one, at: 200 }).heal(500).broken).toEqual([]);
    expect(asked().heal(500).broken).toEqual(["missed"]);
  });

  test("goes with its job, but not with the removals with which a trial ends", () => {
    const remove = { do: "remove", job: "job", cancelRunning: false } as const;
    expect(asked().ask(300, remove).heal(500).broken).toEqual([]);
    expect(asked().heal(500).ask(600, remove).broken).toEqual(["missed"]);
  });

  test("is of a job that there is", () => {
    const other = `${runAt("other", 110)}-abcdefgh`;
    expect(asked().attempt({ run: one, at: 200 }).attempt({ run: other, at: 300 }).heal(500).broken).toEqual([
      "unasked",
    ]);
    const named = new MadeUp()
      .define(-500, job)
      .ask(100, { do: "run-now", job: "job" }, { end: "acknowledged", answer: other });
    expect(named.attempt({ run: other, at: 200 }).heal(500).broken).toEqual(["unasked"]);
  });

  test("is there at most as often as it may have been asked for", () => {
    expect(asked(maybe).attempt({ run: one, at: 200 }).heal(500).broken).toEqual([]);
    expect(
      asked(maybe).attempt({ run: one, at: 200 }).attempt({ run: two, at: 300 }).heal(500).broken,
    ).toEqual(["unasked"]);
    expect(asked().attempt({ run: one, at: 200 }).attempt({ run: two, at: 300 }).heal(500).broken).toEqual([
      "unasked",
    ]);
  });
});

test("what no node can say is refused", () => {
  const say = { do: "impostor", stale: "holder" } as const;
  expect(new MadeUp().ask(100, say, { ...refused, code: "STALE_WRITE" }).broken).toEqual([]);
  expect(new MadeUp().ask(100, say).broken).toEqual(["stale-write"]);
});

test("what a leader of before would write is refused", () => {
  const write = { do: "stale-write", job: "job", stale: "term" } as const;
  expect(new MadeUp().ask(100, write, { ...refused, code: "STALE_EPOCH" }).broken).toEqual([]);
  expect(new MadeUp().ask(100, write).broken).toEqual(["stale-write"]);
});
