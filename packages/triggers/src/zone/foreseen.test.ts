import { expect, test } from "vitest";
import { lastRead } from "./foreseen.js";
import { openOffsetReader } from "./offset-reader.js";
import { findZone } from "./zone.js";

const day = 86_400_000;

test.each([
  "Europe/Berlin",
  "America/New_York",
  "Australia/Lord_Howe",
  "America/Santiago",
  "Africa/Cairo",
  "Antarctica/Troll",
])("offsets of %s that are foreseen are those of the database, in years of each kind", (name) => {
  const reader = openOffsetReader(name);
  const zone = findZone(name);
  const wrong: string[] = [];
  // 40 years from the first one that is not read: leap years and those that start on each weekday are among them.
  for (let instant = lastRead - 400 * day; instant < lastRead + 40 * 366 * day; instant += 2.3 * day) {
    const whole = Math.floor(instant / 1000) * 1000;
    if (zone.offsetAt(whole) !== reader?.offsetAt(whole)) wrong.push(new Date(whole).toISOString());
  }
  expect(wrong).toEqual([]);
});
