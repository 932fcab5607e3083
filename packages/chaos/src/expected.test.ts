import { every } from "@escapement/triggers";
import { expect, test } from "vitest";
import { expectedFireTimes } from "./expected.js";

test("fire times count from the job's creation, the last instant included", () => {
  const job = { id: "job", trigger: every("1s"), createdAt: new Date(5000) };
  const times = expectedFireTimes(job, 8000);
  expect(times.at(-1)).toBe(8000);
  expect(times.every((time) => time % 1000 === 0 && time >= 5000)).toBe(true);
});
