import { describe, expect, test } from "vitest";
import { dawn, MadeUp, nodeOf, runAt, secondly } from "../../../test/made-up.js";
import type { PlannedJob } from "../../workload/operations.js";

/** What began, later than it was due by so many ms. */
const lateBy = (history: MadeUp, ms: number, due = 1000): MadeUp =>
  history.attempt({ run: runAt("job", due), at: due + ms });
const job = (options: Partial<PlannedJob> = {}): MadeUp =>
  new MadeUp().define(-500, secondly("job", { endAt: dawn + 1000, ...options })).runs("job", 0, 0);
/** Another run that holds what it falls under from 500 until so many ms. */
const held = (history: MadeUp, run: string, until: number): MadeUp =>
  history.attempt({ run, at: 500, takes: until - 500, node: "n2" });
const late = (history: MadeUp): string[] => history.broken.filter((rule) => rule === "late");

test("what is due is given out within a bound where nothing befalls it", () => {
  expect(lateBy(job(), 4900).broken).toEqual([]);
  expect(lateBy(job(), 5200).broken).toEqual(["late"]);
});

test("each fire time that starts 40 s late is", () => {
  const all = (by: number): MadeUp => {
    const history = new MadeUp().define(-500, secondly("job"));
    for (let due = 0; due < 60_000; due += 1000) lateBy(history, by, due);
    return history.heal(59_500);
  };
  expect(all(20).broken).toEqual([]);
  expect(all(40_000).judge().byRule).toMatchObject({ late: 60 });
});

test("it begins within a bound once it has been given out, longer where voters have to be asked", () => {
  const begins = (ms: number, voters = 0): string[] => {
    const [run, token] = [runAt("job", 1000), new MadeUp().token(1005)];
    const fact = { run, attempt: 1, token };
    return late(
      new MadeUp({ voters })
        .define(-500, secondly("job"))
        .tell(1005, `started ${run} 1 ${token} ${nodeOf("n1")}`)
        .add(1005 + ms, { kind: "claimed", ...fact, claimedAt: dawn + 1005 }, "n1")
        .add(1005 + ms, { kind: "start", ...fact, scheduledAt: dawn + 1000 }, "n1"),
    );
  };
  expect([begins(4900), begins(5100)]).toEqual([[], ["late"]]);
  expect([begins(7900, 3), begins(8100, 3)]).toEqual([[], ["late"]]);
});

describe("what does not count is the time of", () => {
  test("a fault of its node, of the store or of whoever leads, and a while after it", () => {
    const fault = (until: number, kind = "node-freeze", target = "n1", proof = "it stood"): MadeUp => {
      const what = { kind: "fault", fault: kind, target, proof } as const;
      return lateBy(job(), 20_000).add(until, { ...what, from: dawn + 2000, until: dawn + until });
    };
    expect(fault(15_000).broken).toEqual([]);
    expect(fault(12_000).broken).toEqual(["late"]);
    expect(fault(15_000, "redis-freeze", "store-0").broken).toEqual([]);
    expect(fault(15_000, "node-clock-jump").broken).toEqual(["late"]); // nothing is late for that
    expect(fault(15_000, "leader-freeze", "leader", "process 1 (n1) stood still").broken).toEqual([]);
  });

  test("but not one of another node, unless that led, nor one that befell nothing", () => {
    const fault = (leader: string, proof = "it stood", begun?: boolean, target = "n2"): string[] => {
      const what = { kind: "fault", fault: "node-freeze", target, proof } as const;
      const when = { from: dawn + 2000, until: dawn + 15_000, ...(begun !== undefined && { begun }) };
      const history = lateBy(job(), 20_000);
      const look = { kind: "leases", nodes: {}, epoch: 1, until: dawn + 99_000 } as const;
      return late(
        history
          .add(1500, { ...look, t: dawn + 1500, leader: nodeOf(leader) }, "watcher")
          .add(15_000, { ...what, ...when }),
      );
    };
    expect([fault("n1"), fault("n2")]).toEqual([["late"], []]);
    expect([fault("n1", "", undefined, "store-0"), fault("n1", "", false, "store-0")]).toEqual([
      ["late"],
      ["late"],
    ]);
    expect(fault("n1", "", true, "store-0")).toEqual([]); // what nothing shows may have happened all the same
  });

  test("a pause of its own: what it held back goes on soon after its end", () => {
    const paused = (name: string, on: number): MadeUp =>
      lateBy(job().ask(500, { do: "set", name }).ask(20_000, { do: "del", name }), on - 1000);
    for (const name of ["all", "job:job", "task:tick"]) {
      expect(paused(name, 20_600).broken).toEqual([]);
      expect(paused(name, 48_000).broken).toEqual(["held-on", "late"]);
    }
    expect(paused("job:other", 20_600).broken).toEqual(["late"]);
  });

  test("one that ends by itself, or of which nobody heard whether it was set", () => {
    const maybe = { end: "maybe", code: "REDIS_TIMEOUT", message: "" } as const;
    const expires = (ttl: number, answer?: typeof maybe): string[] =>
      late(lateBy(job().ask(500, { do: "pause", name: "all", ttl }, answer), 14_000));
    expect(expires(9000)).toEqual([]);
    expect(expires(5000)).toEqual(["late"]);
    expect(expires(5000, maybe)).toEqual([]);
  });

  test("a store that stands still, and a cluster without nodes", () => {
    const leases = { kind: "leases", leader: null, epoch: 0, until: 0 } as const;
    const looks = (every: number, nodes: Record<string, number>): string[] => {
      const history = lateBy(job(), 14_000);
      for (let ms = 900; ms < 12_000; ms += every)
        history.add(ms, { ...leases, t: dawn + ms, nodes }, "watcher");
      return late(history);
    };
    const lives = { [nodeOf("n1")]: dawn + 99_000 };
    expect(looks(500, lives)).toEqual(["late"]);
    expect(looks(5000, lives)).toEqual([]);
    expect(looks(500, {})).toEqual([]);
    expect(looks(500, { [nodeOf("n1")]: dawn })).toEqual([]);
  });

  test("a limit that is reached, until a place is free", () => {
    const limited = (until: number, options: Partial<PlannedJob>, trial = {}): string[] => {
      const both = [
        secondly("job", { endAt: dawn + 1000, ...options }),
        secondly("other", { endAt: dawn, ...options }),
      ];
      const history = new MadeUp(trial).define(-500, ...both).attempt({ run: runAt("job", 0), at: 5 });
      return lateBy(held(history, runAt("other", 0), until), 12_000).broken;
    };
    const keyed = { concurrencyKey: "a", concurrencyLimit: { max: 1, whenFull: "wait" } } as const;
    expect([limited(12_000, keyed), limited(5000, keyed), limited(12_000, {})]).toEqual([
      [],
      ["late"],
      ["late"],
    ]);
    const limits = { "task:tick": { max: 1, whenFull: "wait" } };
    expect([limited(12_000, {}, { limits }), limited(5000, {}, { limits })]).toEqual([[], ["late"]]);
  });

  test("a rate that is used up", () => {
    const rated = (per: number): string[] => {
      const rateLimit = { max: 1, per };
      return lateBy(job({ concurrencyKey: "a", rateLimit }), 12_000).broken;
    };
    expect([rated(12_000), rated(3000)]).toEqual([[], ["late"]]);
  });

  test("another run of its job, where they take turns", () => {
    const turns = (until: number): string[] => {
      const history = new MadeUp().define(
        -500,
        secondly("job", { endAt: dawn + 1000, overlap: "queue-all" }),
      );
      return lateBy(history.attempt({ run: runAt("job", 0), at: 5, takes: until - 5 }), 12_000).broken;
    };
    expect([turns(12_000), turns(5000)]).toEqual([[], ["late"]]);
  });

  test("a change of its job", () => {
    const changed = (after: number): string[] =>
      lateBy(
        job().ask(1000, { do: "update", job: "job", changes: { priority: 1 } }, undefined, after),
        12_000,
      ).broken;
    expect([changed(9000), changed(10)]).toEqual([[], ["late"]]);
  });

  test("no free slot on any node", () => {
    const crowded = (count: number): string[] => {
      const runs = Array.from({ length: count }, (_, index) => ({ id: `run-${index}` }));
      const history = job().ask(10, { do: "enqueue", task: "tick", runs });
      const nodes = { [nodeOf("n2")]: dawn + 99_000 };
      history.add(450, { kind: "leases", t: dawn + 450, nodes, leader: null, epoch: 0, until: 0 }, "watcher");
      for (const [index, { id }] of runs.entries())
        history.attempt({ run: id, at: 500 + index, takes: 11_000, node: "n2" });
      return lateBy(history, 12_000).broken.filter((rule) => rule === "late");
    };
    expect([crowded(20), crowded(19)]).toEqual([[], ["late"]]);
  });
});

test("a further attempt is due when its wait is over", () => {
  const again = (at: number): string[] => {
    const history = job({ retry: { attempts: 2, backoff: "9s" } });
    const first = { run: runAt("job", 1000), at: 1005, ends: "again", wait: 9000 } as const;
    return history.attempt(first).attempt({ run: first.run, attempt: 2, at }).broken;
  };
  expect([again(10_100), again(15_200)]).toEqual([[], ["late"]]);
});

test("what is enqueued is due when that is acknowledged, or after its delay", () => {
  const enqueued = (delay: number): string[] =>
    new MadeUp()
      .ask(0, { do: "enqueue", task: "tick", runs: [{ id: "run-1", delay }] })
      .attempt({ run: "run-1", at: 9000 }).broken;
  expect([enqueued(8000), enqueued(1000)]).toEqual([[], ["late"]]);
});

test("a run by hand is due when that is acknowledged", () => {
  const byHand = (at: number): string[] => {
    const run = `${runAt("job", 2000)}-hand`;
    const answer = { end: "acknowledged", answer: run } as const;
    return late(job().ask(2000, { do: "run-now", job: "job" }, answer).attempt({ run, at }));
  };
  expect([byHand(6900), byHand(8100)]).toEqual([[], ["late"]]);
});

test("the report says how late what was in nobody's way began", () => {
  const history = lateBy(job(), 300).judge();
  // The first one was due while its job had just been defined.
  expect(history.calmLateness).toEqual({ starts: 1, p50: 301, p99: 301, max: 301 });
});

describe("in the calm", () => {
  const all = (by: (index: number) => number, count = 60): string[] => {
    const history = new MadeUp().define(-1000, secondly("job"));
    for (let index = 0; index < count; index += 1) lateBy(history, by(index), 1000 + index * 1000);
    return history.heal(count * 1000 + 500).broken.filter((rule) => rule.startsWith("late"));
  };

  test("whatever makes everything late by the same is found, far below the bound of a single one", () => {
    expect(all(() => 4000)).toEqual(["late-in-calm"]);
    expect(all(() => 400)).toEqual(["late-in-calm"]);
    expect(all(() => 100)).toEqual([]);
    expect(all(() => 4000, 10)).toEqual([]); // too few to say
  });

  test("few are late at all", () => {
    const some = (every: number, count: number): string[] =>
      all((index) => (index % every ? 5 : 3000), count);
    expect([some(40, 400), some(40, 80), some(400, 400)]).toEqual([["late-in-calm"], [], []]);
  });
});
