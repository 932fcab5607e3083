import { describe, expect, test } from "vitest";
import { MadeUp, runAt, secondly } from "../../../test/made-up.js";

const maybe = { end: "maybe", code: "REDIS_TIMEOUT", message: "" } as const;
const input = { work: 7 };
const padding = "x".repeat(400);

describe("a handler is handed", () => {
  const job = (): MadeUp => new MadeUp().define(-500, secondly("job", { input }));
  const start = (history: MadeUp, given: object | undefined, at = 5): string[] =>
    history.attempt({ run: runAt("job", 0), at, ...(given && { input: given }) }).broken;

  test("the input of its job, and no other one", () => {
    expect(start(job(), input)).toEqual([]);
    expect(start(job(), undefined)).toEqual(["input"]);
    expect(start(job(), { work: 8 })).toEqual(["input"]);
    expect(start(new MadeUp().define(-500, secondly("job")), undefined)).toEqual([]);
    expect(start(new MadeUp().define(-500, secondly("job")), input)).toEqual(["input"]);
  });

  test("that of the definition which is in force when it is given out", () => {
    const changed = (history: MadeUp, answer?: typeof maybe): MadeUp =>
      history.ask(100, { do: "update", job: "job", changes: { input: { work: 8 } } }, answer, 200);
    expect(start(changed(job()), input, 500)).toEqual(["input"]);
    expect(start(changed(job()), { work: 8 }, 500)).toEqual([]);
    for (const given of [input, { work: 8 }]) {
      expect(start(changed(job()), given, 200)).toEqual([]);
      expect(start(changed(job(), maybe), given, 900)).toEqual([]);
    }
    expect(start(changed(job()), { work: 8 }, 5)).toEqual(["input"]);
    expect(start(changed(job(), maybe), { work: 9 }, 900)).toEqual(["input"]);
  });

  test("what its run was enqueued with, however long that is", () => {
    const enqueued = (given: object): string[] =>
      new MadeUp()
        .ask(0, { do: "enqueue", task: "tick", runs: [{ id: "run-1", input: { padding } }] })
        .attempt({ run: "run-1", at: 50, input: given }).broken;
    expect(enqueued({ padding })).toEqual([]);
    expect(enqueued({ padding: `${padding}x` })).toEqual(["input"]);
    expect(enqueued({ padding: padding.replace(/x$/, "y") })).toEqual(["input"]);
  });
});
