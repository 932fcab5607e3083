import { every } from "@escapement/triggers";
import { describe, expect, test } from "vitest";
import { dawn, MadeUp, runAt, secondly } from "../../../test/made-up.js";
import { redisClockOf } from "./redis-clock.js";

/** Redis' clock is 3 s ahead from 1000 to 2000 ms of the machine's, and stands still after that until 5 s. */
function ahead(): MadeUp {
  const history = new MadeUp().define(-500, secondly("job"));
  for (let ms = -400; ms < 6000; ms += 100)
    history.add(ms, {
      kind: "leases",
      t: dawn + (ms >= 1000 && ms < 2000 ? ms + 3000 : ms),
      ...{ nodes: {}, leader: null, epoch: 0, until: 0 },
    });
  const when = { from: dawn + 1000, until: dawn + 2000, proof: "TIME was ahead" };
  return history.add(2000, { kind: "fault", fault: "redis-clock-ahead", target: "clock", ...when });
}

const since = (at: number): number => at - dawn;

describe("Redis' clock", () => {
  test("is the machine's where nobody moved it", () => {
    const clock = redisClockOf(new MadeUp().evidence);
    expect([clock.least(5), clock.most(5)]).toEqual([5, 5]);
  });

  test("is somewhere between what was seen of it before and after, and never goes back", () => {
    const clock = redisClockOf(ahead().evidence);
    const between = (ms: number): number[] => [clock.least(dawn + ms), clock.most(dawn + ms)].map(since);
    expect(between(550)).toEqual([500, 600]);
    expect(between(950)).toEqual([900, 4000]);
    expect(between(1550)).toEqual([4500, 4600]);
    expect(between(1950)).toEqual([4900, 4950]);
    expect(between(3000)).toEqual([4900, 4900]);
  });

  test("is not behind the machine's while nobody moves it, however late it was looked at", () => {
    const history = ahead();
    for (const [read, t] of [
      [6980, 6600],
      [7000, 6610],
    ] as const)
      history.add(read, { kind: "told", entry: `${dawn + t}-0`, t: dawn + t, lines: [] }, "watcher");
    expect(since(redisClockOf(history.evidence).most(dawn + 6990))).toBe(6990);
  });
});

describe("what is asked for while Redis' clock is ahead", () => {
  const changed = (history: MadeUp): MadeUp =>
    history.ask(1550, {
      do: "update",
      job: "job",
      changes: { trigger: every("1s", { from: new Date(dawn), phase: 300 }) },
    });
  /** Starts at a moment by Redis' clock, and by the machine's when that said so. */
  const starts = (history: MadeUp, ...times: number[]): MadeUp => {
    for (const ms of times) history.attempt({ run: runAt("job", ms), at: ms + 5 });
    return history;
  };

  test("is in force from then on by that clock: what was due until then is of the former definition", () => {
    expect(starts(changed(ahead()), 0, 1000, 2000, 3000, 4000, 5300).heal(5950).broken).toEqual([]);
    expect(starts(changed(ahead()), 0, 1000, 5300).heal(5950).broken).toEqual(["missed"]);
    expect(starts(changed(ahead()), 0, 1000, 2000, 2300, 3000, 4000, 5300).heal(5950).broken).toEqual([
      "never-due",
    ]);
  });
});
