import { once } from "@escapement/triggers";
import { expect, test } from "vitest";
import { dawn, MadeUp, runAt } from "../../../test/made-up.js";
import type { Answer } from "../../evidence/evidence.js";

const maybe: Answer = { end: "maybe", code: "REDIS_TIMEOUT", message: "" };
const refused: Answer = { end: "refused", code: "REDIS_UNAVAILABLE", message: "" };

/** A job that is due once is defined; its runs begin so many ms after the beginning. */
function oneOff(answer: Answer | undefined, ...begins: number[]): MadeUp {
  const job = { id: "off", task: "tick", trigger: once("now"), whenExhausted: "remove" } as const;
  const history = new MadeUp().ask(0, { do: "define", jobs: [job] }, answer);
  for (const ms of begins) history.attempt({ run: runAt("off", ms), at: ms + 5 });
  return history;
}

test("a job that is due once and goes then runs once for a call that was acknowledged", () => {
  expect(oneOff(undefined, 5).heal(900).broken).toEqual([]);
  expect(oneOff(undefined).heal(900).broken).toEqual(["missed"]);
  expect(oneOff(undefined, 5, 300).heal(900).broken).toEqual(["one-off-again"]);
  expect(oneOff(undefined).ended(500, runAt("off", 5), "m", "paused").heal(900).broken).not.toContain(
    "missed",
  );
});

test("it runs once at most if nobody knows, and not at all if that was refused", () => {
  expect(oneOff(maybe).heal(900).broken).toEqual([]);
  expect(oneOff(maybe, 5).heal(900).broken).toEqual([]);
  expect(oneOff(maybe, 5, 300).heal(900).broken).toEqual(["one-off-again"]);
  expect(oneOff(refused).heal(900).broken).toEqual([]);
  expect(oneOff(refused, 5).heal(900).broken).toContain("refused-and-done");
});

test("one that is due at an instant starts then", () => {
  const trigger = once(new Date(dawn + 300));
  const job = { id: "off", task: "tick", trigger, whenExhausted: "remove" } as const;
  const at = (ms: number): string[] =>
    new MadeUp()
      .define(0, job)
      .attempt({ run: runAt("off", ms), at: ms + 5 })
      .heal(900).broken;
  expect(at(300)).toEqual([]);
  expect(at(301)).toEqual(["missed", "never-due"]);
});
