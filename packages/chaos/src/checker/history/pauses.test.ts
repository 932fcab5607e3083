import { describe, expect, test } from "vitest";
import { dawn, MadeUp, runAt, secondly } from "../../../test/made-up.js";
import type { Answer } from "../../evidence/evidence.js";
import { judgeHistory } from "./judge-history.js";

const maybe = { end: "maybe", code: "REDIS_TIMEOUT", message: "" } as const;
const job = secondly("job", { queue: "mail", tags: ["t1"] });
const base = (): MadeUp => new MadeUp().define(-500, job).runs("job", 0, 0);
const under = (name: string, answer?: Answer): MadeUp => base().ask(500, { do: "set", name }, answer);
const run = { run: runAt("job", 1000), at: 1200 };

test.each(["all", "job:job", "tag:t1", "queue:mail", "task:tick", "node:id-n1"])(
  "nothing is given out under a pause of %s",
  (name) => {
    expect(under(name).attempt(run).broken).toEqual(["paused-claim"]);
    expect(under(name).ask(1100, { do: "del", name }).attempt(run).broken).toEqual([]);
    expect(under(name, maybe).attempt(run).broken).toEqual([]);
  },
);

test.each(["job:other", "tag:t2", "queue:default", "task:long", "node:id-n2"])(
  "but under one of %s",
  (name) => {
    expect(under(name).attempt(run).broken).toEqual([]);
  },
);

test("what is given out under a pause is found by what the store told, whether nodes took it down or not", () => {
  for (const name of ["all", "node:id-n1"]) {
    const { evidence } = under(name).attempt(run);
    const unheard = evidence.filter(({ kind }) => kind !== "claimed");
    expect(Object.keys(judgeHistory(unheard).byRule)).toEqual(["paused-claim"]);
  }
  const { evidence } = under("node:id-n2").attempt(run);
  expect(judgeHistory(evidence.filter(({ kind }) => kind !== "claimed")).valid).toBe(true);
});

test("what only its node knows of is judged by that: the store may have lost what it told", () => {
  const fact = { run: run.run, attempt: 1, token: new MadeUp().token(1200) };
  const claimed = { kind: "claimed", ...fact, claimedAt: dawn + 1200 } as const;
  expect(under("all").add(1201, claimed, "n1").broken).toContain("paused-claim");
});

describe("a pause", () => {
  test("set by the API holds as well, and one with a time to live until that may be over", () => {
    const set = (ttl: number): MadeUp => base().ask(500, { do: "pause", name: "all", ttl });
    expect(set(1000).attempt(run).broken).toEqual(["paused-claim"]);
    expect(set(600).attempt(run).broken).toEqual([]);
  });

  test("that may have ended, by a resume of which nobody heard, holds nothing for sure", () => {
    expect(under("all").ask(1000, { do: "resume", name: "all" }, maybe).attempt(run).broken).toEqual([]);
  });

  test("holds enqueued runs by their task and queue", () => {
    const enqueue = { do: "enqueue", task: "tick", runs: [{ id: "run-1", queue: "mail" }] } as const;
    for (const name of ["all", "queue:mail", "task:tick"])
      expect(
        new MadeUp().ask(0, enqueue).ask(500, { do: "set", name }).attempt({ run: "run-1", at: 700 }).broken,
      ).toEqual(["paused-claim"]);
    expect(
      new MadeUp()
        .ask(0, enqueue)
        .ask(500, { do: "set", name: "queue:default" })
        .attempt({ run: "run-1", at: 700 }).broken,
    ).toEqual([]);
  });
});

test("what was given out before the pause begins soon after, or its process was frozen", () => {
  const fact = { run: run.run, attempt: 1, token: new MadeUp().token(1005) };
  const late = (ms: number): MadeUp =>
    base()
      .tell(1005, `started ${run.run} 1 ${fact.token} id-n1`)
      .ask(1010, { do: "set", name: "all" })
      .add(ms, { kind: "claimed", ...fact, claimedAt: dawn + 1005 }, "n1")
      .add(ms, { kind: "start", ...fact, scheduledAt: dawn + 1000 }, "n1")
      .heal(900);
  expect(late(1090).broken).toEqual([]);
  expect(late(6000).broken).toEqual(["paused-start"]);
  const frozen = {
    kind: "fault",
    fault: "node-freeze",
    target: "n1",
    from: dawn + 1006,
    until: dawn + 5990,
    proof: "it stood",
  } as const;
  expect(late(6000).add(6100, frozen).broken).toEqual([]);
});

describe("under a pause that was set while its claim was answered, a handler", () => {
  /** Runs that were given out 5 ms before a pause of their job, and begin so many ms after it. */
  const begins = (after: readonly number[], fault?: readonly [target: string, proof: string]): string[] => {
    const history = new MadeUp().define(-500, job).runs("job", 0, 0);
    for (const [index, ms] of after.entries()) {
      const at = 1000 * (index + 1);
      const [name, token] = [runAt("job", at), history.token(at + 5)];
      const fact = { run: name, attempt: 1, token };
      history
        .tell(at + 5, `started ${name} 1 ${token} id-n1`)
        .ask(at + 6, { do: "set", name: "all" }, undefined, 4)
        .add(at + 10 + ms, { kind: "claimed", ...fact, claimedAt: dawn + at + 5 }, "n1")
        .add(at + 10 + ms, { kind: "start", ...fact, scheduledAt: dawn + at }, "n1")
        .ask(at + 900, { do: "del", name: "all" });
    }
    const [target = "", proof = ""] = fault ?? [];
    const what = { kind: "fault", fault: "node-freeze", target, proof } as const;
    if (fault !== undefined) history.add(5000, { ...what, from: dawn + 500, until: dawn + 5000 });
    return history.heal(900).broken;
  };

  test("begins within the promised time, and a little more on a busy machine", () => {
    expect([begins([95]), begins([240]), begins([300])]).toEqual([[], [], ["paused-start"]]);
  });

  test("begins in the promised time after all but one of several", () => {
    expect([begins([200, 50]), begins([200, 190])]).toEqual([[], ["paused-start"]]);
  });

  test("may begin later where its node, its link or the store was befallen", () => {
    expect(begins([400], ["n1", "it stood"])).toEqual([]);
    expect(begins([400], ["store-0", "it stood"])).toEqual([]);
    expect(begins([400], ["n2", "it stood"])).toEqual(["paused-start"]);
    expect(begins([400], ["n1", ""])).toEqual(["paused-start"]); // it befell nothing
  });
});
