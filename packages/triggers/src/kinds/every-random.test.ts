import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { everyRandom } from "../builders/combinators.js";
import { compileTrigger } from "../compile-trigger.js";
import { nextFireTimes } from "../next-fire-times.js";
import { createRandomChain } from "./random-chain.js";

const anchor = Date.UTC(2030, 0, 1);
const refused = (code: string): unknown => expect.objectContaining({ name: "InvalidTriggerError", code });

function list(min: number, max: number, jobId: string, count: number): number[] {
  const after = new Date(anchor);
  return nextFireTimes(everyRandom(min, max), { after, count, jobId }).map(Number);
}

function pauses(times: readonly number[]): number[] {
  return times.map((time, index) => time - (index === 0 ? anchor : (times[index - 1] ?? 0)));
}

describe("everyRandom", () => {
  test("pauses between min and max, each as often as the next", () => {
    const counts = Array.from({ length: 11 }, () => 0);
    for (const pause of pauses(list(1000, 1010, "a", 22_000))) {
      expect(pause >= 1000 && pause <= 1010).toBe(true);
      counts[pause - 1000] = (counts[pause - 1000] ?? 0) + 1;
    }
    const chiSquare = counts.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0);
    expect(chiSquare).toBeLessThan(35); // ten degrees of freedom: 1 in 10,000 seeds exceeds it, and this one is fixed
  });

  test("draws from ranges of more than 2^32 ms as evenly", () => {
    const century = 100 * 365.25 * 86_400_000;
    const shares = Array.from({ length: 4000 }, (_, index) => {
      const next = compileTrigger(everyRandom(1, century), { jobId: `job ${index}`, anchor }).next(anchor);
      return ((next ?? 0) - anchor) / century;
    });
    const counts = [0, 0, 0, 0];
    for (const share of shares) counts[Math.floor(share * 4)] = (counts[Math.floor(share * 4)] ?? 0) + 1;
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(120);
    expect(new Set(shares.map((share) => (share * century) % 1000)).size).toBeGreaterThan(900);
  });

  test("is the same on each node, and another one for each job", () => {
    expect(list(1000, 90_000, "a", 50)).toEqual(list(1000, 90_000, "a", 50));
    expect(list(1000, 90_000, "a", 50)).not.toEqual(list(1000, 90_000, "b", 50));
  });

  test("a preview from a fire time goes on as an earlier one did", () => {
    const trigger = everyRandom("1s", "2h");
    const times = list(1000, 7_200_000, "a", 100);
    for (const index of [0, 1, 50, 98]) {
      const after = new Date(times[index] ?? 0);
      const rest = nextFireTimes(trigger, { after, count: 99 - index, jobId: "a" }).map(Number);
      expect(rest).toEqual(times.slice(index + 1));
    }
  });

  test("starts after the anchor, which is no fire time itself", () => {
    const compiled = compileTrigger(everyRandom(1000, 2000), { jobId: "a", anchor });
    const first = compiled.next(anchor) ?? 0;
    expect(first - anchor).toBeGreaterThanOrEqual(1000);
    expect(compiled.next(anchor - 1e9)).toBe(first);
    expect(compiled.previous(first - 1)).toBeNull();
    expect(compiled.previous(anchor)).toBeNull();
    expect(compiled.previous(first)).toBe(first);
  });

  test("answers alike whatever was asked before", () => {
    const trigger = everyRandom(1, 1000);
    const fresh = () => compileTrigger(trigger, { jobId: "a", anchor });
    const used = fresh();
    const offset = fc.integer({ min: -1000, max: 5_000_000 });
    fc.assert(
      fc.property(offset, (ms) => {
        const instant = anchor + ms;
        expect(used.next(instant)).toBe(fresh().next(instant));
        expect(used.previous(instant)).toBe(fresh().previous(instant));
        const next = used.next(instant) ?? 0;
        expect(used.previous(next)).toBe(next);
        expect(used.previous(next - 1) ?? 0).toBeLessThanOrEqual(instant);
      }),
      { numRuns: 50 },
    );
  });

  test("with min and max alike is a cadence, counted by arithmetic", () => {
    const compiled = compileTrigger(everyRandom("1m", "1m"), { anchor });
    expect(compiled.next(anchor)).toBe(anchor + 60_000);
    expect(compiled.next(anchor - 1)).toBe(anchor + 60_000);
    expect(compiled.previous(anchor + 59_999)).toBeNull();
    expect(compiled.previous(anchor + 60_000)).toBe(anchor + 60_000);
    expect(compiled.count(anchor, anchor + 6e11)).toEqual({ count: 1e7, exact: true });
  });

  test("goes on from a fire time that is known as it would have from the anchor", () => {
    const trigger = everyRandom("1s", "1m");
    const whole = compileTrigger(trigger, { jobId: "a", anchor });
    const fireTime = whole.previous(anchor + 1e8) ?? 0;
    const resumed = compileTrigger(trigger, { jobId: "a", anchor, fireTime });
    expect(resumed.previous(fireTime - 1)).toBeNull();
    expect(resumed.previous(fireTime)).toBe(fireTime);
    expect(resumed.next(anchor)).toBe(fireTime);
    expect(resumed.next(fireTime)).toBe(whole.next(fireTime));
    expect(resumed.previous(anchor + 2e8)).toBe(whole.previous(anchor + 2e8));
    expect(resumed.count(fireTime, anchor + 2e8)).toEqual(whole.count(fireTime, anchor + 2e8));
  });

  test("where 50,000 fire times do not suffice, goes on from the instant asked for, and further each time", () => {
    const compiled = compileTrigger(everyRandom(1, 2), { jobId: "a", anchor });
    const later = anchor + 1e10;
    const next = compiled.next(later) ?? 0;
    expect(next - later).toBeLessThanOrEqual(2);
    const following = compiled.next(next) ?? 0;
    expect(following - next).toBeLessThanOrEqual(2);
    const reached = compiled.previous(later) ?? 0;
    expect(reached).toBeGreaterThanOrEqual(anchor + 5e4);
    expect(reached).toBeLessThan(later);
    expect(compiled.previous(later)).toBeGreaterThanOrEqual(reached + 5e4);
    expect(compiled.previous(reached)).toBe(reached);
  });

  test("the chain finds what is reached, at the ends of its blocks and across them", () => {
    const chain = createRandomChain(0, (member) => member + 10, 2000);
    expect(chain.next(9999)).toBe(10_000);
    expect(chain.previous(10_000)).toBe(10_000);
    expect(chain.previous(10_009)).toBe(10_000);
    expect(chain.next(10_000)).toBe(10_010);
    expect(chain.next(19_995)).toBe(20_000);
    expect(chain.previous(20_000)).toBe(20_000);
    expect(chain.next(20_000)).toBe(20_010);
    expect(chain.next(20_005)).toBe(20_010);
    expect(chain.previous(15)).toBe(10);
    expect(chain.next(60_005)).toBe(60_015);
  });

  test("refuses pauses in the wrong order, of no length, or no pauses", () => {
    expect(() => everyRandom(2, 1)).toThrow(refused("INVALID_INTERVAL"));
    expect(() => everyRandom(0, 1)).toThrow(refused("INVALID_INTERVAL"));
    expect(() => everyRandom("1 fortnight", 1)).toThrow(refused("INVALID_INTERVAL"));
    expect(() => everyRandom(1, 1e15)).toThrow(refused("INVALID_INTERVAL"));
  });
});
