import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileQuery } from "./compile-query.js";
import { triggerToJSON } from "./json.js";
import { parseTrigger } from "./parse-trigger.js";
import { anyInstant, anyTrigger } from "./testing/arbitraries.test-util.js";
import type { Trigger } from "./trigger.js";

const refused = (code: string): unknown => expect.objectContaining({ name: "InvalidTriggerError", code });

function firstTimes(trigger: Trigger, after: number): (number | null)[] {
  const compiled = compileQuery(trigger, { jobId: "a", anchor: new Date(Date.UTC(2010, 0, 1)) }, undefined);
  const times = [compiled.previous(after)];
  for (let time: number | null = after; times.length < 4 && time !== null; ) {
    time = compiled.next(time);
    times.push(time);
  }
  return times;
}

describe("the JSON form", () => {
  test("comes back from text as the same trigger with the same fire times", () => {
    fc.assert(
      fc.property(anyTrigger, anyInstant, (trigger, after) => {
        const text = JSON.stringify(triggerToJSON(trigger));
        const back = parseTrigger(JSON.parse(text));
        expect(back).toEqual(trigger);
        expect(firstTimes(back, after)).toEqual(firstTimes(trigger, after));
        expect(JSON.stringify(triggerToJSON(back))).toBe(text);
      }),
      { numRuns: 300 },
    );
  });

  test("is the canonical form with a version", () => {
    expect(triggerToJSON({ type: "once", at: [5, 3, 5] })).toEqual({ version: 1, type: "once", at: [3, 5] });
    expect(() => triggerToJSON({ type: "every", interval: 0 })).toThrow(refused("INVALID_INTERVAL"));
  });

  test("of a newer version is refused", () => {
    expect(parseTrigger({ version: 1, type: "every", interval: 5 })).toEqual({ type: "every", interval: 5 });
    expect(() => parseTrigger({ version: 2, type: "every", interval: 5 })).toThrow(refused("UNSUPPORTED"));
  });
});
