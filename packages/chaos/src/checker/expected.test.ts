import { every } from "@escapement/triggers";
import { expect, test } from "vitest";
import { expectedFireTimes } from "./expected.js";

const job = { id: "job", trigger: every("1s"), createdAt: new Date(5000) };

test("fire times count from the job's creation, the last instant included", () => {
  const times = expectedFireTimes(job, 8000);
  expect(times.at(-1)).toBe(8000);
  expect(times.every((time) => time % 1000 === 0 && time >= 5000)).toBe(true);
});

test("startAt, endAt and maxRuns bound them, and move none", () => {
  expect(expectedFireTimes({ ...job, startAt: new Date(6500) }, 8000)).toEqual([7000, 8000]);
  expect(expectedFireTimes({ ...job, startAt: new Date(6000), endAt: new Date(7000) }, 9000)).toEqual([
    6000, 7000,
  ]);
  expect(expectedFireTimes({ ...job, maxRuns: 2 }, 9000)).toHaveLength(2);
});
