import { civilDate, dayLength, dayNumber, isLeapYear, weekdayOf } from "../wall/civil-date.js";
import type { Segment } from "./zone.js";

const firstYear = 2101;
const patterns = 28;

/**
 * From then on zones are not read, but taken to do in each year what they do in one of the 28 years before that starts on the same
 * weekday and is as long: rules without an end say "the last Sunday of March" and the like. 2129-01-01 in ms.
 */
export const lastRead: number = dayNumber(firstYear + patterns, 1, 1) * dayLength;

/** The 400 years after which the calendar starts over, weekdays included, in ms. */
export const cycle: number = 146_097 * dayLength;

/** The year that stands for those of its kind, by the weekday of its first day, and 7 more if it is a leap year. */
const models: readonly number[] = Array.from({ length: 14 }, (_, kind) => {
  for (let year = firstYear; year < firstYear + patterns; year += 1) if (kindOf(year) === kind) return year;
  return firstYear;
});

function kindOf(year: number): number {
  return weekdayOf(dayNumber(year, 1, 1)) + (isLeapYear(year) ? 7 : 0);
}

/** The segment of an instant from {@link lastRead} on, cut at the ends of its year. */
export function foreseen(segmentOf: (instant: number) => Segment, instant: number): Segment {
  const { year } = civilDate(Math.floor(instant / dayLength));
  const [start, end] = [dayNumber(year, 1, 1) * dayLength, dayNumber(year + 1, 1, 1) * dayLength];
  const shift = start - dayNumber(models[kindOf(year)] ?? firstYear, 1, 1) * dayLength;
  const model = segmentOf(instant - shift);
  const [modelStart, modelEnd] = [model.start + shift, model.end + shift];
  return {
    start: Math.max(modelStart, start),
    end: Math.min(modelEnd, end),
    offset: model.offset,
    before: modelStart < start ? model.offset : model.before,
    after: modelEnd > end ? model.offset : model.after,
  };
}
