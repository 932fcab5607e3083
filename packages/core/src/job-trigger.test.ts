import { compileTrigger, cron } from "@escapement/triggers";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compileSchedule } from "./job-trigger.js";

test("a trigger that jobs share answers as one of their own would, in whatever order it is asked", () => {
  const trigger = cron("*/7 3-5 * * *", { timezone: "Europe/Berlin" });
  const own = compileTrigger(trigger);
  const day = 86_400_000;
  const instants = fc.array(fc.integer({ min: 0, max: 3 * day }), { minLength: 2, maxLength: 40 });
  fc.assert(
    fc.property(instants, (given) => {
      const shared = compileSchedule("job", { trigger, startAt: undefined, endAt: undefined }, {});
      for (const after of given.flatMap((at) => [at, own.next(at) ?? at, at]))
        expect(shared.next(after)).toBe(own.next(after));
    }),
  );
});
