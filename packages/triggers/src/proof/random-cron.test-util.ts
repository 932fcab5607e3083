import fc from "fast-check";
import type { KnownCron, MonthDays, PlainField, Weekdays } from "./oracle.test-util.js";

interface Range {
  readonly min: number;
  readonly max: number;
  /** Names by value, for months and weekdays. */
  readonly names?: readonly string[];
}

const monthNames = ["", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const weekdayNames = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const seconds: Range = { min: 0, max: 59 };
const hours: Range = { min: 0, max: 23 };
const monthDay: Range = { min: 1, max: 31 };
const months: Range = { min: 1, max: 12, names: monthNames };
const weekday: Range = { min: 0, max: 7, names: weekdayNames };

function every(min: number, max: number, step = 1): number[] {
  return Array.from({ length: Math.floor((max - min) / step) + 1 }, (_, index) => min + index * step);
}

/** One item of a list: a value, a range, a step; by name now and then. */
function item({ min, max, names }: Range): fc.Arbitrary<PlainField> {
  const value = fc.integer({ min, max });
  const ranges = fc
    .tuple(value, value, fc.integer({ min: 1, max: Math.max(2, Math.floor((max - min) / 2)) }), fc.boolean())
    .map(([a, b, step, stepped]): PlainField => {
      const [from, to] = a < b ? [a, b] : [b, a];
      const text = `${from}-${to}`;
      return stepped
        ? { text: `${text}/${step}`, values: every(from, to, step) }
        : { text, values: every(from, to) };
    });
  const single = fc.tuple(value, fc.boolean()).map(([number, named]): PlainField => {
    const name = named ? names?.[number] : undefined;
    return { text: name ?? String(number), values: [number] };
  });
  const open = fc
    .tuple(value, fc.integer({ min: 1, max: Math.max(2, Math.floor((max - min) / 2)) }))
    .map(([from, step]): PlainField => ({ text: `${from}/${step}`, values: every(from, max, step) }));
  // `N/step` has no agreed meaning for weekdays, where the last number is Sunday again.
  const openWeight = names === weekdayNames ? 0 : 1;
  return fc.oneof(
    { weight: 4, arbitrary: single },
    { weight: 2, arbitrary: ranges },
    { weight: openWeight, arbitrary: open },
  );
}

function field(range: Range, starWeight: number): fc.Arbitrary<PlainField> {
  const top = range.names === weekdayNames ? 6 : range.max;
  const star = fc.constant<PlainField>({ text: "*", values: every(range.min, top) });
  const step = fc
    .integer({ min: 2, max: Math.max(3, Math.floor(top / 2)) })
    .map((by): PlainField => ({ text: `*/${by}`, values: every(range.min, top, by) }));
  // Values that occur twice are rare, because cron-parser refuses them; they are told apart by the array's length.
  const list = fc
    .tuple(fc.array(item(range), { minLength: 1, maxLength: 3 }), fc.integer({ min: 0, max: 24 }))
    .map(([items, dice]): PlainField => {
      const kept = dice === 0 ? items : disjoint(items, top);
      return {
        text: kept.map(({ text }) => text).join(","),
        values: kept.flatMap(({ values }) => values).sort((a, b) => a - b),
      };
    });
  return fc.oneof(
    { weight: starWeight, arbitrary: star },
    { weight: 1, arbitrary: step },
    { weight: 4, arbitrary: list },
  );
}

function disjoint(items: readonly PlainField[], top: number): PlainField[] {
  const seen = new Set<number>();
  return items.filter(({ values }) => {
    const own = values.map((value) => value % (top + 1));
    if (own.some((value) => seen.has(value))) return false;
    for (const value of own) seen.add(value);
    return true;
  });
}

function monthDays(): fc.Arbitrary<MonthDays> {
  const none = { values: [], beforeLast: [], nearest: [], lastWorkday: false };
  const plain = field(monthDay, 5).map((days): MonthDays => ({ ...none, ...days }));
  const day = fc.integer({ min: 1, max: 31 });
  const special = fc.oneof(
    fc.constant<MonthDays>({ ...none, text: "L", beforeLast: [0] }),
    day.map((number): MonthDays => ({ ...none, text: `${number},L`, values: [number], beforeLast: [0] })),
    fc.integer({ min: 1, max: 20 }).map((n): MonthDays => ({ ...none, text: `L-${n}`, beforeLast: [n] })),
    day.map((number): MonthDays => ({ ...none, text: `${number}W`, nearest: [number] })),
    fc.constant<MonthDays>({ ...none, text: "LW", lastWorkday: true }),
  );
  return fc.oneof({ weight: 6, arbitrary: plain }, { weight: 1, arbitrary: special });
}

function weekdays(): fc.Arbitrary<Weekdays> {
  const none = { values: [], last: [], nth: [] };
  const plain = field(weekday, 5).map(
    ({ text, values }): Weekdays => ({
      ...none,
      text,
      values: values.map((value) => value % 7).sort((a, b) => a - b),
    }),
  );
  const day = fc.integer({ min: 0, max: 6 });
  const special = fc.oneof(
    day.map((number): Weekdays => ({ ...none, text: `${number}L`, last: [number] })),
    fc.tuple(day, fc.integer({ min: 1, max: 5 }), fc.boolean()).map(([number, nth, named]): Weekdays => {
      const shown = named ? weekdayNames[number] : number;
      return { ...none, text: `${shown}#${nth}`, nth: [[number, nth]] };
    }),
  );
  return fc.oneof({ weight: 6, arbitrary: plain }, { weight: 1, arbitrary: special });
}

/** Cron expressions of five or six fields, with their meaning. Some can never fire. */
export function knownCron(): fc.Arbitrary<KnownCron> {
  const zero: PlainField = { text: "0", values: [0] };
  return fc
    .record({
      withSeconds: fc.integer({ min: 0, max: 3 }).map((number) => number === 0),
      second: field(seconds, 1),
      minute: field(seconds, 1),
      hour: field(hours, 2),
      monthDays: monthDays(),
      month: field(months, 12),
      weekdays: weekdays(),
    })
    .map(({ withSeconds, ...cron }): KnownCron => {
      const fields = [cron.minute, cron.hour, cron.monthDays, cron.month, cron.weekdays];
      const expr = [...(withSeconds ? [cron.second] : []), ...fields].map(({ text }) => text).join(" ");
      const second = withSeconds ? cron.second : zero;
      const repeats = [...fields, second].some(({ values }) => new Set(values).size < values.length);
      return { ...cron, second, expr, repeats };
    });
}
