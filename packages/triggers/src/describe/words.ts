/** The longest description, in characters. */
export const maxDescriptionLength: number = 500;

const shownItems = 6;
const weekdayNames = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const units: readonly (readonly [name: string, length: number])[] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
  ["millisecond", 1],
];

/** Cuts a text to so many characters; `…` shows where. */
export function shorten(text: string, length: number = maxDescriptionLength): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

/** `a`, `a and b`, `a, b and c`; of many the first six and how many more. */
export function list(items: readonly string[], noun: string = ""): string {
  if (items.length <= 1) return items.join("");
  if (items.length <= shownItems) return `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
  return `${items.slice(0, shownItems).join(", ")} and ${items.length - shownItems} more${noun && ` ${noun}`}`;
}

/** `1 day`, `5 days`. */
export function amount(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** A length of time in ms as `1 hour 30 minutes`. */
export function duration(length: number): string {
  let rest = length;
  const parts: string[] = [];
  for (const [name, unit] of units) {
    const number = Math.floor(rest / unit);
    rest -= number * unit;
    if (number > 0) parts.push(amount(number, name));
  }
  return parts.join(" ") || "0 milliseconds";
}

/** `Every 5 minutes`, but `Every day`. */
export function everyInterval(length: number): string {
  const whole = units.find(([, unit]) => unit === length);
  return `Every ${whole ? whole[0] : duration(length)}`;
}

/** An instant (ms) in ISO 8601; a day as it is. */
export function instantOrDay(from: number | string): string {
  return typeof from === "number" ? new Date(from).toISOString() : from;
}

/** Weekdays, 0 (Sunday) to 6, as `Monday through Friday` or `Monday and Friday`; all of them as nothing. */
export function weekdays(days: readonly number[]): string {
  const run = cyclicRun(days, 0, 6);
  if (run?.length === 7) return "";
  const name = (day: number | undefined): string => weekdayNames[day ?? 0] ?? "";
  if (run && run.length > 2) return `${name(run[0])} through ${name(run.at(-1))}`;
  return list([...days].sort((a, b) => (a || 7) - (b || 7)).map(name));
}

/**
 * The numbers in the order in which they follow each other, if they do without a hole, after the last the first again:
 * `[0, 1, 22, 23]` of the hours as `[22, 23, 0, 1]`. `undefined` if there is a hole.
 */
export function cyclicRun(
  numbers: readonly number[],
  first: number,
  last: number,
): readonly number[] | undefined {
  const sorted = [...numbers].sort((a, b) => a - b);
  const all = new Set(sorted);
  const before = (number: number): number => (number === first ? last : number - 1);
  const starts = sorted.filter((number) => !all.has(before(number)));
  if (starts.length > 1) return undefined;
  const start = starts[0] ?? first;
  return [...sorted.filter((number) => number >= start), ...sorted.filter((number) => number < start)];
}
