import { expect, test } from "vitest";
import { dawn, MadeUp, runAt, secondly } from "../../../test/made-up.js";

/** A job of one fire time that is paused from -100 ms on until 2000, and starts at `at`. */
function paused(at: number, name = "job:job", expires = true): MadeUp {
  const history = new MadeUp().define(-500, secondly("job", { endAt: dawn + 500 }));
  if (expires) history.ask(-100, { do: "set", name, ttl: 2090 });
  else history.ask(-100, { do: "set", name }).ask(1990, { do: "del", name });
  return history.attempt({ run: runAt("job", 0), at });
}

const found = (history: MadeUp): string[] => history.broken.filter((rule) => rule === "held-on");

test("what a pause held back goes on soon after its end", () => {
  for (const expires of [true, false]) {
    expect(found(paused(2900, "job:job", expires))).toEqual([]);
    expect(found(paused(3900, "job:job", expires))).toEqual([]);
    expect(found(paused(4600, "job:job", expires))).toEqual(["held-on"]);
    expect(found(paused(4600, "task:tick", expires))).toEqual(["held-on"]);
  }
});

test("unless something else stands in its way", () => {
  const at = { from: dawn + 2500, until: dawn + 3000, proof: "stood still" };
  const fault = { kind: "fault", fault: "redis-freeze", target: "store-0", ...at } as const;
  expect(found(paused(6000).add(3000, fault))).toEqual([]);
  expect(found(paused(6000).ask(2500, { do: "set", name: "all", ttl: 3000 }))).toEqual([]);
  expect(found(paused(6000).ask(2500, { do: "set", name: "job:other", ttl: 3000 }))).toEqual(["held-on"]);
});

test("what waits for another job's run goes on after that one's end", () => {
  const child = { id: "child", task: "tick", dependsOn: ["job"] };
  const history = (parentAt: number, at: number): string[] =>
    found(
      new MadeUp()
        .define(-500, secondly("job", { endAt: dawn + 500 }), child)
        .ask(-100, { do: "set", name: "job:child", ttl: 2090 })
        .attempt({ run: runAt("job", 0), at: parentAt, takes: 50 })
        .attempt({ run: runAt("child", 0), at }),
    );
  expect(history(5, 2900)).toEqual([]);
  expect(history(5, 4600)).toEqual(["held-on"]);
  expect(history(4500, 4600)).toEqual([]);
  expect(history(2100, 4600)).toEqual(["held-on"]);
});

test("with voters it may take longer to have its lock", () => {
  const history = (at: number): MadeUp =>
    new MadeUp({ voters: 3 })
      .define(-500, secondly("job", { endAt: dawn + 500 }))
      .ask(-100, { do: "set", name: "all", ttl: 2090 })
      .attempt({ run: runAt("job", 0), at });
  expect(found(history(6500))).toEqual([]);
  expect(found(history(8000))).toEqual(["held-on"]);
});
