import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jitter } from "./jitter.js";

const scheduledAt = Date.UTC(2030, 0, 1);
const refused = (code: string): unknown => expect.objectContaining({ name: "InvalidTriggerError", code });

describe("jitter", () => {
  test("is within bounds and before the next fire time", () => {
    const gap = fc.integer({ min: 1, max: 1e9 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), fc.string({ minLength: 1 }), gap, (max, jobId, ms) => {
        const delay = jitter(max, { jobId, scheduledAt, next: scheduledAt + ms });
        expect(Number.isInteger(delay) && delay >= 0 && delay <= max && delay < ms).toBe(true);
        expect(jitter(max, { jobId, scheduledAt })).toBeLessThanOrEqual(max);
      }),
    );
  });

  test("spreads jobs of one fire time evenly, both bounds included", () => {
    const counts = Array.from({ length: 5 }, () => 0);
    for (let job = 0; job < 5000; job += 1) {
      const delay = jitter(4, { jobId: `job ${job}`, scheduledAt });
      counts[delay] = (counts[delay] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  test("is the same on each node, another one for each fire time, a Date as good as ms", () => {
    const of = (at: Date | number): number => jitter("1h", { jobId: "a", scheduledAt: at });
    expect(of(scheduledAt)).toBe(of(scheduledAt));
    expect(of(new Date(scheduledAt))).toBe(of(scheduledAt));
    expect(of(scheduledAt + 1)).not.toBe(of(scheduledAt));
  });

  test("is none for a maximum of 0, and where the next fire time leaves no room", () => {
    expect(jitter(0, { jobId: "a", scheduledAt })).toBe(0);
    expect(jitter("1h", { jobId: "a", scheduledAt, next: scheduledAt + 1 })).toBe(0);
    expect(jitter(0, { jobId: "a", scheduledAt, next: null })).toBe(0);
  });

  test("refuses nonsense", () => {
    for (const max of [-1, 1.5, Number.NaN, "soon", 1e15]) {
      expect(() => jitter(max, { jobId: "a", scheduledAt })).toThrow(refused("INVALID_INTERVAL"));
    }
    for (const next of [scheduledAt, scheduledAt - 1]) {
      expect(() => jitter(5, { jobId: "a", scheduledAt, next })).toThrow(refused("INVALID_ARGUMENT"));
    }
    expect(() => jitter(5, { jobId: "", scheduledAt })).toThrow(refused("INVALID_ARGUMENT"));
    expect(() => jitter(5, { jobId: "a".repeat(257), scheduledAt })).toThrow(refused("INVALID_ARGUMENT"));
    expect(() => jitter(5, { jobId: "a", scheduledAt: Number.NaN })).toThrow(refused("INVALID_DATE"));
    expect(() => jitter(5, { jobId: "a", scheduledAt, next: new Date(Number.NaN) })).toThrow(
      refused("INVALID_DATE"),
    );
  });
});
